import { encodeCbor } from '@fleetward/protocol';
import { blockBytesMax, blocksOf, readDescribe, readGet, StreamRefusal } from '../src/streams/request.ts';

const request = { c: 'a', s: 1, f: 0, l: 4_096, o: 2, n: 100 };

export const seeds: readonly Uint8Array[] = [
  Buffer.from(JSON.stringify({ ...request, b: '0e80' })),
  encodeCbor({ ...request, b: Uint8Array.of(0x0e, 0x80) }),
  encodeCbor({ c: 'a' }),
];

/** Whatever a device sends is read or refused, and no request brings more than it may. */
export function fuzz(input: Uint8Array): void {
  for (const form of ['json', 'cbor'] as const) {
    try {
      readDescribe(input, form);
      const asked = readGet(input, form);
      if (blocksOf(asked, 1_000).length * asked.blockBytes > blockBytesMax) throw new Error('too much');
    } catch (error) {
      if (!(error instanceof StreamRefusal)) throw error;
    }
  }
}
