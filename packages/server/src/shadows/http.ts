import { parseThingName, type ThingName, utf8 } from '@fleetward/core';
import { deleteShadow, getShadow, listShadows, updateShadow } from '@fleetward/protocol';
import { operatorActor } from '../operator-actor.ts';
import { handle, type RouteHandler } from '../route-handler.ts';
import type { ShadowKey } from './document.ts';
import { ShadowsError, type ShadowsErrorCode } from './errors.ts';
import { keyOf } from './key.ts';
import { readUpdate } from './read-update.ts';
import type { Rejection } from './rejections.ts';
import type { ShadowAnswer, Shadows } from './service.ts';

interface ShadowHandlersOptions {
  readonly shadows: Shadows;
  /** Throws `things.not_found`. */
  readonly assertThing: (thingName: ThingName) => void;
}

/** Shadows of any thing, for operators: what they change is in the trail. */
export function shadowHandlers({ shadows, assertThing }: ShadowHandlersOptions): readonly RouteHandler[] {
  const keyIn = (
    params: { readonly thingName: string },
    query: { readonly shadowName?: string },
  ): ShadowKey => {
    const key = keyOf({ ...params, shadowName: query.shadowName ?? '' });
    if (key.kind === 'rejected') throw errorOf(key);
    assertThing(key.thingName);
    return { thingName: key.thingName, shadowName: key.shadowName };
  };
  return [
    handle(listShadows, async ({ params, query }) => {
      const thingName = parseThingName(params.thingName);
      assertThing(thingName);
      const limit = query.limit ?? 100;
      const after = query.after === undefined ? {} : { after: query.after };
      const page = await shadows.list(thingName, { ...after, limit });
      const next = page.length < limit ? undefined : page.at(-1)?.shadowName;
      const views = page.map(({ shadowName, version, updatedAtMs }) => ({
        shadowName,
        version,
        updatedAtMs,
      }));
      return { shadows: views, ...(next === undefined ? {} : { next }) };
    }),
    handle(getShadow, async ({ params, query }) => viewOf(await shadows.get(keyIn(params, query)))),
    handle(updateShadow, async ({ params, query, body, caller }) => {
      const key = keyIn(params, query);
      const request = readUpdate(utf8(JSON.stringify(body)), shadows.payloadBytesMax);
      if (request.kind === 'rejected') throw errorOf(request);
      return viewOf(await shadows.update(key, request, operatorActor(caller)));
    }),
    handle(deleteShadow, async ({ params, query, caller }) => {
      viewOf(await shadows.delete(keyIn(params, query), { actor: operatorActor(caller) }));
      return undefined;
    }),
  ];
}

function viewOf<View extends object>(answer: ShadowAnswer<View>): View {
  if (answer.kind === 'rejected') throw errorOf(answer);
  return answer.view;
}

const codes: Readonly<Partial<Record<Rejection['code'], ShadowsErrorCode>>> = {
  404: 'shadows.not_found',
  409: 'shadows.version_conflict',
  413: 'shadows.too_large',
  429: 'shadows.busy',
};

/** AWS IoT's words, in the form of the other errors. */
function errorOf({ code, message }: Rejection): ShadowsError {
  return new ShadowsError(
    codes[code] ?? 'shadows.invalid',
    message.replace(/^[A-Z](?=[a-z ])/, (first) => first.toLowerCase()),
  );
}
