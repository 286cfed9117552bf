import { randomBytes } from 'node:crypto';
import type { Clock, Random } from '@fleetward/core';

/** The machine's clock and random source: made here, at the root, and passed down. */
export const systemClock: Clock = { now: () => Date.now() };
export const systemRandom: Random = { bytes: (length) => new Uint8Array(randomBytes(length)) };
