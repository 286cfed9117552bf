import type { Caller } from './route-handler.ts';
import type { Actor } from './trail/index.ts';

/** Who the trail names for a request on a route with access `operator`. */
export function operatorActor(caller: Caller): Extract<Actor, { readonly kind: 'operator' }> {
  // The listener lets nobody else reach these routes: another caller here is a programmer's error.
  if (caller.kind !== 'operator') throw new TypeError('an operator route was reached without an operator');
  return { kind: 'operator', operatorId: caller.operatorId };
}
