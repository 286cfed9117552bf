import { utf8 } from '@fleetward/core';
import { type ShadowOperation, shadowFilters, shadowOfTopic } from '@fleetward/protocol';
import type { ReservedAnswer, ReservedRequest, ReservedTopic } from '../reserved-topic.ts';
import type { ShadowKey } from './document.ts';
import { keyOf } from './key.ts';
import { readClientToken, readUpdate } from './read-update.ts';
import { type Rejection, refuse } from './rejections.ts';
import type { ShadowAnswer, Shadows } from './service.ts';

interface Asked {
  readonly key: ShadowKey;
  readonly payload: Uint8Array;
}

type Answer = (shadows: Shadows, asked: Asked) => Promise<ShadowAnswer>;

const answers: Readonly<Record<ShadowOperation, Answer>> = {
  get: (shadows, { key, payload }) => shadows.get(key, readClientToken(payload, shadows.payloadBytesMax)),
  update: async (shadows, { key, payload }) => {
    const request = readUpdate(payload, shadows.payloadBytesMax);
    return request.kind === 'rejected' ? request : shadows.update(key, request);
  },
  delete: (shadows, { key, payload }) => {
    const clientToken = readClientToken(payload, shadows.payloadBytesMax);
    return shadows.delete(key, clientToken === undefined ? {} : { clientToken });
  },
};

/** Shadows as AWS IoT speaks them, on `$aws/things/THING/shadow/…`: whoever is subscribed is told. */
export function shadowTopics(shadows: Shadows, nowMs: () => number): readonly ReservedTopic[] {
  const rejected = (rejection: Rejection): ReservedAnswer => {
    const { code, message, clientToken } = rejection;
    const token = clientToken === undefined ? {} : { clientToken };
    const view = { code, message, timestamp: Math.floor(nowMs() / 1_000), ...token };
    return { kind: 'rejected', payload: utf8(JSON.stringify(view)) };
  };
  return shadowFilters.map(({ operation, filter }) => ({
    service: 'shadows',
    filter,
    answersTo: 'subscribers',
    payloadBytesMax: shadows.payloadBytesMax,
    answer: async (request) => {
      const answer = await answerTo(shadows, operation, request);
      if (answer.kind === 'rejected') return rejected(answer);
      // A change was told with all that comes of it, in the order of the changes.
      return operation === 'get'
        ? { kind: 'accepted', payload: utf8(JSON.stringify(answer.view)) }
        : undefined;
    },
    rejected: ({ payload }, fault) => {
      const why = { throttled: 'throttled', failed: 'failed', 'too-large': 'tooLarge' } as const;
      return rejected(refuse(why[fault], readClientToken(payload, shadows.payloadBytesMax)));
    },
  }));
}

async function answerTo(
  shadows: Shadows,
  operation: ShadowOperation,
  { topic, payload }: ReservedRequest,
): Promise<ShadowAnswer> {
  const { thingName, shadowName } = shadowOfTopic(topic);
  const key = shadowName === '' ? refuse('invalidName') : keyOf({ thingName, shadowName: shadowName ?? '' });
  if (key.kind === 'rejected') return { ...key, ...tokenIn(shadows, payload) };
  return answers[operation](shadows, { key, payload });
}

function tokenIn(shadows: Shadows, payload: Uint8Array): { readonly clientToken?: string } {
  const clientToken = readClientToken(payload, shadows.payloadBytesMax);
  return clientToken === undefined ? {} : { clientToken };
}
