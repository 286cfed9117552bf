import { utf8 } from '@fleetward/core';
import { thingEventTopic } from '@fleetward/protocol';
import type { PlatformMessage } from '../reserved-topic.ts';
import type { Thing } from './store.ts';

/** What happened to a thing in the registry; `thing`: as it is now, or was at the end. */
export interface ThingNews {
  readonly operation: 'created' | 'updated' | 'deleted';
  readonly thing: Thing;
}

/** What AWS IoT tells of it, but for `thingId` and `versionNumber`, which things do not have here. */
export function thingMessage(
  { operation, thing }: ThingNews,
  told: { readonly eventId: string; readonly accountId: string; readonly nowMs: number },
): PlatformMessage {
  const { name, typeName = null, attributes } = thing;
  const event = {
    eventType: 'THING_EVENT',
    eventId: told.eventId,
    timestamp: told.nowMs,
    operation: operation.toUpperCase(),
    accountId: told.accountId,
    thingName: name,
    thingTypeName: typeName,
    attributes,
  };
  return { topic: thingEventTopic(name, operation), payload: utf8(JSON.stringify(event)) };
}
