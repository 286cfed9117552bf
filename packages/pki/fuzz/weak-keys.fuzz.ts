import { utf8 } from '@fleetward/core';
import { PkiError, parseWeakKeys } from '../src/index.ts';

export const seeds: readonly Uint8Array[] = [
  utf8('# a comment\n\n00005890bc78bcbee3ca\n3c40449f0aaee9f5eb7b\r\n'),
];

/** A list is read whole, with no more entries than it has lines, or refused with our own error. */
export function fuzz(input: Uint8Array): void {
  try {
    const { size } = parseWeakKeys([input]);
    if (size > input.filter((octet) => octet === 0x0a).length + 1) throw new Error('more entries than lines');
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
  }
}
