import { isCrlSignedBy, lintTbsCrl, PkiError, parseCrl } from '../src/index.ts';
import { crl, root } from './seeds.ts';

export const seeds: readonly Uint8Array[] = [crl.der];

/** A foreign CRL is read and judged, or refused with our own error. */
export function fuzz(input: Uint8Array): void {
  try {
    const parsed = parseCrl(input);
    isCrlSignedBy(parsed, root);
    lintTbsCrl(parsed.tbs);
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
  }
}
