import { parseThingName } from '@fleetward/core';
import { createTargetToken, listTargetTokens, removeTargetToken } from '@fleetward/protocol';
import { operatorActor } from '../operator-actor.ts';
import { handle, type RouteHandler } from '../route-handler.ts';
import type { TargetToken } from './store.ts';
import type { TargetTokens } from './target-tokens.ts';

/** Target tokens, on the operators' listener. */
export function targetTokenHandlers(tokens: TargetTokens): readonly RouteHandler[] {
  return [
    handle(createTargetToken, async ({ params, caller }) => {
      const { token, secret } = await tokens.create(parseThingName(params.thingName), operatorActor(caller));
      return { ...viewOf(token), secret };
    }),
    handle(listTargetTokens, async ({ query }) => {
      const limit = query.limit ?? 100;
      const after = query.after === undefined ? {} : { after: parseThingName(query.after) };
      const page = await tokens.page({ ...after, limit });
      const next = page.length < limit ? undefined : page.at(-1)?.thingName;
      return { targetTokens: page.map(viewOf), ...(next === undefined ? {} : { next }) };
    }),
    handle(removeTargetToken, async ({ params, caller }) => {
      await tokens.remove(parseThingName(params.thingName), operatorActor(caller));
      return undefined;
    }),
  ];
}

function viewOf({ hash: _, ...token }: TargetToken) {
  return token;
}
