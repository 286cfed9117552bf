import { utf8 } from '@fleetward/core';
import { shadowTopic } from '@fleetward/protocol';
import type { PlatformMessage } from '../reserved-topic.ts';
import type { ShadowKey } from './document.ts';
import { type Applied, acceptedView, deltaView, documentsView } from './rules.ts';

/** What is said of a change, in the order in which it is said. */
export function changeMessages(key: ShadowKey, applied: Applied): readonly PlatformMessage[] {
  const delta = deltaView(applied);
  return [
    message(key, 'update/accepted', acceptedView(applied)),
    ...(delta === undefined ? [] : [message(key, 'update/delta', delta)]),
    message(key, 'update/documents', documentsView(applied)),
  ];
}

export function deletionMessages(key: ShadowKey, view: object): readonly PlatformMessage[] {
  return [message(key, 'delete/accepted', view)];
}

function message(
  { thingName, shadowName }: ShadowKey,
  tail: Parameters<typeof shadowTopic>[1],
  view: object,
): PlatformMessage {
  return { topic: shadowTopic({ thingName, shadowName }, tail), payload: utf8(JSON.stringify(view)) };
}
