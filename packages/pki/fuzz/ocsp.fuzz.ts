import { isIssuedBy, lintTbsOcsp, PkiError, parseOcspRequest } from '../src/index.ts';
import { ocspRequest, ocspTbs, root } from './seeds.ts';

export const seeds: readonly Uint8Array[] = [ocspRequest, ocspTbs];

/** A request of a stranger is read, or refused with our own error; so is what a key is asked to sign. */
export function fuzz(input: Uint8Array): void {
  for (const read of [readRequest, lintTbsOcsp]) {
    try {
      read(input);
    } catch (error) {
      if (!(error instanceof PkiError)) throw error;
    }
  }
}

function readRequest(input: Uint8Array): void {
  for (const certId of parseOcspRequest(input).certIds) isIssuedBy(certId, root);
}
