import {
  encodePem,
  PkiError,
  parseBase64Body,
  parseCertificatesPem,
  parseCrlsPem,
  parseCsrPem,
} from '../src/index.ts';
import { crl, csrDer, device } from './seeds.ts';

export const seeds: readonly Uint8Array[] = [
  encodePem('CERTIFICATE', device.der),
  encodePem('CERTIFICATE REQUEST', csrDer),
  encodePem('X509 CRL', crl.der),
].map((text) => new TextEncoder().encode(text));

/** Foreign PEM of any kind and EST bodies are read, or refused with our own error. */
export function fuzz(input: Uint8Array): void {
  try {
    parserFor(input)(input);
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
  }
}

const parsers = [
  parseCertificatesPem,
  parseCsrPem,
  parseCrlsPem,
  (input: Uint8Array) => parseBase64Body(input, 1 << 20),
] as const;

function parserFor(input: Uint8Array): (input: Uint8Array) => unknown {
  const label = Buffer.from(input.subarray(0, 40)).toString('latin1');
  if (label.includes('REQUEST')) return parsers[1];
  if (label.includes('CRL')) return parsers[2];
  return label.includes('-') ? parsers[0] : parsers[3];
}
