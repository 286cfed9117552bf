import { type GroupName, parseCertificateId, parseThingName, type ThingName } from '@fleetward/core';
import {
  attachThingCertificate,
  createThing,
  detachThingCertificate,
  getThing,
  importThings,
  listThings,
  type Part,
  removeThing,
  setThingState,
  transferCertificate,
  updateThing,
} from '@fleetward/protocol';
import { operatorActor } from '../operator-actor.ts';
import { handle, type RouteHandler } from '../route-handler.ts';
import type { ThingImports } from './import.ts';
import type { Things } from './service.ts';
import type { Thing } from './store.ts';

/** What is shown of a thing's presence. */
type Presence = Part<(typeof getThing)['answer']>['presence'];

export interface ThingHandlersOptions {
  readonly things: Things;
  readonly imports: ThingImports;
  /** The groups the thing itself is in. */
  readonly groupsOf: (name: ThingName) => readonly GroupName[];
  readonly isConnected: (name: ThingName) => boolean;
  readonly presenceOf: (name: ThingName) => Promise<Presence>;
  /** A page of the things that match a query, by name. */
  readonly find: (wanted: {
    readonly query: string;
    readonly after?: ThingName;
    readonly limit: number;
  }) => Promise<{ readonly names: readonly ThingName[]; readonly hasMore: boolean }>;
}

export function thingHandlers(options: ThingHandlersOptions): readonly RouteHandler[] {
  const { things } = options;
  return [
    handle(createThing, async ({ body, caller }) => {
      const { thingName, ...rest } = body;
      return viewOf(await things.create({ name: parseThingName(thingName), ...rest }, operatorActor(caller)));
    }),
    handle(importThings, async ({ body, caller }) => {
      const { things: given, update = false, dryRun = false } = body;
      return {
        results: [...(await options.imports.run(given, { update, dryRun, actor: operatorActor(caller) }))],
      };
    }),
    handle(listThings, async ({ query }) => {
      const limit = query.limit ?? 100;
      const after = query.after === undefined ? {} : { after: parseThingName(query.after) };
      if (query.query !== undefined) return foundPage(options, { query: query.query, ...after, limit });
      const page = await things.page({ ...after, limit });
      const last = page.at(-1);
      const next = page.length < limit || last === undefined ? {} : { next: last.name };
      return { things: page.map((thing) => rowOf(options, thing)), ...next };
    }),
    handle(getThing, async ({ params }) => detailsOf(options, parseThingName(params.thingName))),
    handle(updateThing, async ({ params, body, caller }) =>
      viewOf(await things.update(parseThingName(params.thingName), body, operatorActor(caller))),
    ),
    handle(setThingState, async ({ params, body, caller }) => {
      const { lifecycleState: to, ...rest } = body;
      return viewOf(
        await things.states.change(
          { name: parseThingName(params.thingName), to, ...rest },
          operatorActor(caller),
        ),
      );
    }),
    handle(removeThing, async ({ params, caller }) => {
      await things.remove(parseThingName(params.thingName), operatorActor(caller));
      return undefined;
    }),
    handle(attachThingCertificate, async ({ params, body, caller }) => {
      await things.attachments.attach(
        { ...pairOf(params), exclusive: body.exclusive },
        operatorActor(caller),
      );
      return undefined;
    }),
    handle(transferCertificate, async ({ params, body, caller }) => {
      const certificateId = parseCertificateId(params.certificateId);
      const from = body.fromThingName === undefined ? {} : { from: parseThingName(body.fromThingName) };
      const wanted = { certificateId, to: parseThingName(body.thingName), ...from };
      const {
        thingName,
        exclusive,
        from: old,
      } = await things.attachments.transfer(wanted, operatorActor(caller));
      const left = things.certificatesOf(old).map((attached) => attached.certificateId);
      return { certificateId, thingName, exclusive, fromThingName: old, remainingCertificateIds: left };
    }),
    handle(detachThingCertificate, async ({ params, caller }) => {
      await things.attachments.detach(pairOf(params), operatorActor(caller));
      return undefined;
    }),
  ];
}

async function foundPage(options: ThingHandlersOptions, wanted: Parameters<ThingHandlersOptions['find']>[0]) {
  const { things, find } = options;
  const { names, hasMore } = await find(wanted);
  const last = names.at(-1);
  // One that was removed in this moment is not shown.
  const found = names.flatMap((name) => things.known(name) ?? []);
  return {
    things: found.map((thing) => rowOf(options, thing)),
    ...(hasMore && last !== undefined ? { next: last } : {}),
  };
}

async function detailsOf({ things, groupsOf, presenceOf }: ThingHandlersOptions, name: ThingName) {
  const thing = things.get(name);
  const report = await things.reports.find(name);
  return {
    ...viewOf(thing),
    groupNames: [...groupsOf(name)],
    certificates: things
      .certificatesOf(name)
      .map(({ certificateId, exclusive }) => ({ certificateId, exclusive })),
    presence: await presenceOf(name),
    ...(report === undefined
      ? {}
      : { report: { receivedAtMs: report.receivedAtMs, report: { ...report.report } } }),
  };
}

/** As in a list. */
function rowOf({ groupsOf, isConnected }: ThingHandlersOptions, thing: Thing) {
  const { name } = thing;
  return { ...viewOf(thing), groupNames: [...groupsOf(name)], connected: isConnected(name) };
}

function viewOf({ name, typeName, attributes, tags, state, createdAtMs }: Thing) {
  return {
    thingName: name,
    attributes: { ...attributes },
    tags: { ...tags },
    lifecycleState: state,
    createdAtMs,
    ...(typeName === undefined ? {} : { typeName }),
  };
}

function pairOf(params: { readonly thingName: string; readonly certificateId: string }) {
  return {
    thingName: parseThingName(params.thingName),
    certificateId: parseCertificateId(params.certificateId),
  };
}
