import { PkiError, parseName } from '../src/index.ts';
import { device, root } from './seeds.ts';

export const seeds: readonly Uint8Array[] = [device.subject.der, root.subject.der];

/** A foreign name is read, or refused with our own error. */
export function fuzz(input: Uint8Array): void {
  try {
    parseName(input);
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
  }
}
