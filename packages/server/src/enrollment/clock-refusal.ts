import type { Clock } from '@fleetward/core';
import { type Refusal, refuse } from './refusal.ts';

const unsetBeforeMs = Date.UTC(2020);

/** Of whatever leads to a certificate while the platform's clock says a time that cannot be: it would be valid at another. */
export function clockRefusal(clock: Clock): Refusal | undefined {
  if (clock.now() >= unsetBeforeMs) return undefined;
  return refuse('clock_unset', 'the clock of the platform is not set: it says a year before 2020');
}
