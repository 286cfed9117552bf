import { checkPublicKey, PkiError, parseCsr, verifyCsrSignature } from '../src/index.ts';
import { csrDer } from './seeds.ts';

export const seeds: readonly Uint8Array[] = [csrDer];

/** A foreign CSR is read and judged, or refused with our own error. */
export function fuzz(input: Uint8Array): void {
  try {
    const csr = parseCsr(input);
    verifyCsrSignature(csr);
    checkPublicKey(csr.publicKey);
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
  }
}
