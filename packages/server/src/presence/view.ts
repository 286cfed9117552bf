import type { Clock, ThingName } from '@fleetward/core';
import type { Presence } from './presence.ts';
import type { Visit, VisitEnd } from './store.ts';

export interface PresenceView {
  readonly connected: boolean;
  readonly sinceMs?: number;
  readonly flapping: boolean;
  readonly connection?: Visit;
  readonly lastDisconnect?: VisitEnd;
}

/** What operators see of a thing's presence. */
export async function presenceView(
  { presence, clock }: { readonly presence: Pick<Presence, 'find'>; readonly clock: Clock },
  name: ThingName,
): Promise<PresenceView> {
  const known = await presence.find(name);
  if (known === undefined) return { connected: false, flapping: false };
  const { isConnected, atMs, visit, lastEnd, flappingUntilMs = 0 } = known;
  return {
    connected: isConnected,
    sinceMs: atMs,
    flapping: clock.now() < flappingUntilMs,
    ...(visit === undefined ? {} : { connection: visit }),
    ...(lastEnd === undefined ? {} : { lastDisconnect: lastEnd }),
  };
}
