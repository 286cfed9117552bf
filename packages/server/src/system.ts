import { randomBytes, randomFillSync } from 'node:crypto';
import type { Clock, Random } from '@fleetward/core';

/** The machine's clock and random source: made here, at the root, and passed down. */
export const systemClock: Clock = { now: () => Date.now() };
export const systemRandom: Random = {
  bytes: (length) => (length <= pooledLengthMax ? fromPool(length) : new Uint8Array(randomBytes(length))),
};

// Identifiers and nonces; a key is longer and is drawn by itself.
const pooledLengthMax = 16;
const pool = new Uint8Array(4_096);
let used = pool.length;

/** Many at once: what one draw costs is the way to OpenSSL. Nothing that was given stays here. */
function fromPool(length: number): Uint8Array {
  if (used + length > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const bytes = pool.slice(used, used + length);
  pool.fill(0, used, used + length);
  used += length;
  return bytes;
}
