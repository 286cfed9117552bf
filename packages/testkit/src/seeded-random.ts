import { createHash } from 'node:crypto';
import type { Random } from '@fleetward/core';

/** The same bytes for the same seed, on every machine: SHA-256 of seed and block number. Never for anything real. */
export function seededRandom(seed: number | string): Random {
  let block = 0;
  return {
    bytes: (length) => {
      const blocks: Buffer[] = [];
      for (let made = 0; made < length; made += 32) {
        blocks.push(createHash('sha256').update(`${seed}/${block++}`).digest());
      }
      return new Uint8Array(Buffer.concat(blocks).subarray(0, length));
    },
  };
}
