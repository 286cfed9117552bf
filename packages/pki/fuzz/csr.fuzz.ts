import { checkCsr, PkiError, parseCsr } from '../src/index.ts';
import { csrDer } from './seeds.ts';

export const seeds: readonly Uint8Array[] = [csrDer];

/** A foreign CSR is read and judged, or refused with our own error. */
export function fuzz(input: Uint8Array): void {
  try {
    checkCsr(parseCsr(input));
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
  }
}
