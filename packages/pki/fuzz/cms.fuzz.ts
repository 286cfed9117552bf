import { certsOnly, PkiError, parseCertsOnly } from '../src/index.ts';
import { device, root } from './seeds.ts';

export const seeds: readonly Uint8Array[] = [certsOnly([device, root]), certsOnly([])];

/** A foreign certs-only message is read, or refused with our own error. */
export function fuzz(input: Uint8Array): void {
  try {
    parseCertsOnly(input);
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
  }
}
