import {
  createThingType,
  getThingType,
  listThingTypes,
  removeThingType,
  updateThingType,
} from '@fleetward/protocol';
import { operatorActor } from '../../operator-actor.ts';
import { handle, type RouteHandler } from '../../route-handler.ts';
import type { ThingType } from '../store.ts';
import type { ThingTypes } from './service.ts';

const lackingNamesMax = 100;

export function thingTypeHandlers(types: ThingTypes): readonly RouteHandler[] {
  return [
    handle(createThingType, async ({ body, caller }) => {
      const { typeName: name, requiredAttributes = [], ...rest } = body;
      return viewOf(await types.create({ name, requiredAttributes, ...rest }, operatorActor(caller)));
    }),
    handle(listThingTypes, async ({ query }) => {
      const { limit = 100, after } = query;
      const page = types.page({ limit, ...(after === undefined ? {} : { after }) });
      const last = page.at(-1);
      const next = page.length < limit || last === undefined ? {} : { next: last.name };
      return { types: page.map(viewOf), ...next };
    }),
    handle(getThingType, async ({ params }) => {
      const { things, lacking } = types.standing(params.typeName);
      const lackingThingNames = lacking.slice(0, lackingNamesMax).map(({ name }) => name);
      return { ...viewOf(types.get(params.typeName)), thingCount: things, lackingThingNames };
    }),
    handle(updateThingType, async ({ params, body, caller }) =>
      viewOf(await types.update(params.typeName, body, operatorActor(caller))),
    ),
    handle(removeThingType, async ({ params, caller }) => {
      await types.remove(params.typeName, operatorActor(caller));
      return undefined;
    }),
  ];
}

function viewOf({ name, requiredAttributes, tags, createdAtMs }: ThingType) {
  return { typeName: name, requiredAttributes: [...requiredAttributes], tags: { ...tags }, createdAtMs };
}
