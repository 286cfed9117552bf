import { utf8 } from '@fleetward/core';
import { load, store, type Workflow } from './workflow.ts';

/** Its name in the trusted store. */
export const floorName = 'time-floor';
/** Advances smaller than this are not written, to spare flash memory. */
const floorStepMs = 60_000;

/**
 * The fixed start time of a refresh (TUF 5.1), in Unix milliseconds: the clock, but never before the floor. The floor is
 * the latest time known from metadata that was accepted, so a clock set back does not revive what has expired.
 */
export function* fixStartTime(clockMs: number): Workflow<number> {
  return Math.max(clockMs, yield* readFloor());
}

/**
 * Raises the floor. Callers pass only times that signed metadata vouches for (at most an accepted timestamp's expiry):
 * a clock set far ahead by mistake must not lock the device out of updates.
 */
export function* raiseFloor(ms: number): Workflow<void> {
  const floor = yield* readFloor();
  if (ms >= floor + floorStepMs) yield* store(floorName, utf8(String(Math.floor(ms))));
}

function* readFloor(): Workflow<number> {
  const bytes = yield* load(floorName);
  const text = Buffer.from(bytes ?? []).toString('latin1');
  // A damaged floor counts as none: refusing would end updates for ever, and versions still protect against rollback.
  return /^\d{1,15}$/.test(text) ? Number(text) : 0;
}
