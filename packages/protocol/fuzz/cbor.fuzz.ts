import { deepStrictEqual } from 'node:assert/strict';
import { InvalidInputError, utf8 } from '@fleetward/core';
import { encodeCbor, parseCbor } from '../src/index.ts';

const limits = { bytesMax: 4_096, depthMax: 8, valuesMax: 500 };

export const seeds: readonly Uint8Array[] = [
  encodeCbor({ certificateOwnershipToken: 'abc', parameters: { SerialNumber: '1', Location: 'é' } }),
  encodeCbor([0, 23, 24, 255, 256, 65_536, 2 ** 40, -1, -500, 1.5, true, false, null, '', [], {}]),
  Uint8Array.of(0xf9, 0x3c, 0x00),
  Uint8Array.of(0xbf, 0xff),
  utf8('{}'),
];

/** Whatever comes is a value that comes back the same, or refused with a reason. */
export function fuzz(input: Uint8Array): void {
  try {
    const value = parseCbor(input, limits);
    deepStrictEqual(parseCbor(encodeCbor(value), { ...limits, bytesMax: 100_000 }), value);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
  }
}
