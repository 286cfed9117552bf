import { type GroupName, parseGroupName, parseThingName } from '@fleetward/core';
import {
  addGroupThing,
  createGroup,
  getGroup,
  listGroups,
  listGroupThings,
  moveGroup,
  removeGroup,
  removeGroupThing,
  updateGroup,
} from '@fleetward/protocol';
import { operatorActor } from '../operator-actor.ts';
import { handle, type RouteHandler } from '../route-handler.ts';
import type { Groups } from './service.ts';
import type { Group } from './store.ts';

export interface GroupHandlersOptions {
  readonly groups: Groups;
  /** Names of the policies attached to the group. */
  readonly policyNamesOn: (name: GroupName) => readonly string[];
}

export function groupHandlers(options: GroupHandlersOptions): readonly RouteHandler[] {
  return [...hierarchyHandlers(options), ...memberHandlers(options)];
}

function hierarchyHandlers({ groups, policyNamesOn }: GroupHandlersOptions): readonly RouteHandler[] {
  return [
    handle(createGroup, async ({ body, caller }) => {
      const { groupName, parentName, ...rest } = body;
      const wanted = { name: parseGroupName(groupName), ...parentOf(parentName), ...rest };
      return viewOf(await groups.create(wanted, operatorActor(caller)));
    }),
    handle(listGroups, async ({ query }) => {
      const limit = query.limit ?? 100;
      const after = query.after === undefined ? {} : { after: parseGroupName(query.after) };
      const page = await groups.page({ ...after, limit });
      return { groups: page.map(viewOf), ...nextAfter(page.length < limit, page.at(-1)?.name) };
    }),
    handle(getGroup, async ({ params }) => {
      const group = groups.get(parseGroupName(params.groupName));
      const { ancestorNames, childNames, thingCount } = groups.surroundings(group.name);
      const isDynamic = group.query !== undefined;
      return {
        ...viewOf(group),
        ancestorNames: [...ancestorNames],
        childNames: childNames.slice(0, 1_000),
        thingCount: isDynamic ? [...(await groups.members(group.name))].length : thingCount,
        policyNames: [...policyNamesOn(group.name)],
      };
    }),
    handle(updateGroup, async ({ params, body, caller }) =>
      viewOf(await groups.update(parseGroupName(params.groupName), body, operatorActor(caller))),
    ),
    handle(moveGroup, async ({ params, body, caller }) => {
      const wanted = { name: parseGroupName(params.groupName), ...parentOf(body.parentName ?? undefined) };
      await groups.move(wanted, operatorActor(caller));
      return undefined;
    }),
    handle(removeGroup, async ({ params, caller }) => {
      await groups.remove(parseGroupName(params.groupName), operatorActor(caller));
      return undefined;
    }),
  ];
}

function memberHandlers({ groups }: GroupHandlersOptions): readonly RouteHandler[] {
  return [
    handle(listGroupThings, async ({ params, query }) => {
      const { name } = groups.get(parseGroupName(params.groupName));
      const limit = query.limit ?? 100;
      const after = query.after === undefined ? {} : { after: parseThingName(query.after) };
      const page = await groups.things(name, { ...after, limit });
      return { thingNames: [...page], ...nextAfter(page.length < limit, page.at(-1)) };
    }),
    handle(addGroupThing, async ({ params, caller }) => {
      await groups.memberships.add(membershipOf(params), operatorActor(caller));
      return undefined;
    }),
    handle(removeGroupThing, async ({ params, caller }) => {
      await groups.memberships.remove(membershipOf(params), operatorActor(caller));
      return undefined;
    }),
  ];
}

function viewOf({ name, parentName, query, tags, createdAtMs }: Group) {
  return {
    groupName: name,
    ...(parentName === undefined ? {} : { parentName }),
    ...(query === undefined ? {} : { query }),
    tags: { ...tags },
    createdAtMs,
  };
}

function parentOf(parentName: string | undefined): Pick<Group, 'parentName'> {
  return parentName === undefined ? {} : { parentName: parseGroupName(parentName) };
}

function membershipOf(params: { readonly groupName: string; readonly thingName: string }) {
  return { groupName: parseGroupName(params.groupName), thingName: parseThingName(params.thingName) };
}

function nextAfter(isLast: boolean, next: string | undefined) {
  return isLast || next === undefined ? {} : { next };
}
