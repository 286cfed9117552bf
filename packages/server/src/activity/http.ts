import { parseThingName } from '@fleetward/core';
import { resourceTypeOf, type SketchEntry } from '@fleetward/policy';
import { getActivity } from '@fleetward/protocol';
import { handle, type RouteHandler } from '../route-handler.ts';
import type { Things } from '../things/index.ts';
import type { Activity } from './service.ts';

export interface ActivityHandlersOptions {
  readonly activity: Activity;
  readonly things: Things;
  /** Has live connections hand in what they have counted. */
  readonly collect: () => Promise<void>;
}

export function activityHandlers(options: ActivityHandlersOptions): readonly RouteHandler[] {
  const { activity, things, collect } = options;
  return [
    handle(getActivity, async ({ params }) => {
      const { name } = things.get(parseThingName(params.thingName));
      await collect();
      const [record] = await activity.find([name]);
      return {
        thingName: name,
        isSampled: record?.isSampled ?? false,
        entries: record?.entries.map(viewOf) ?? [],
      };
    }),
  ];
}

function viewOf({ action, outcome, levels, isOpen, count, firstSeenMs, lastSeenMs }: SketchEntry) {
  const name = [...levels.map((level) => level ?? '*'), ...(isOpen ? ['*'] : [])].join('/');
  const resource = resourceTypeOf(action) === 'none' ? '*' : `${resourceTypeOf(action)}/${name}`;
  const isGeneralised = isOpen || levels.includes(null);
  return { action, outcome, resource, isGeneralised, count, firstSeenMs, lastSeenMs };
}
