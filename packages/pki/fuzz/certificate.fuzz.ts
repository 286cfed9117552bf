import { readFileSync } from 'node:fs';
import { fromHex } from '@fleetward/core';
import { lintTbsCertificate, PkiError, parseCertificate, validatePath } from '../src/index.ts';
import { device, root } from './seeds.ts';

interface Paths {
  readonly cases: readonly { readonly leaf: string; readonly untrusted: readonly string[] }[];
}

const vectors = new URL('../../../conformance/vectors/x509/valid/paths.json', import.meta.url);
const { cases }: Paths = JSON.parse(readFileSync(vectors, 'utf8'));

/** Ours, and what others sign: with constraints, policies and names of each form. */
export const seeds: readonly Uint8Array[] = [
  device.der,
  root.der,
  ...cases.flatMap(({ leaf, untrusted }) => [leaf, ...untrusted].map(fromHex)),
];

const constrained = cases.flatMap(({ untrusted }) => untrusted.map((der) => parseCertificate(fromHex(der))));

/** A foreign certificate is read and judged, or refused with our own error. */
export function fuzz(input: Uint8Array): void {
  try {
    const leaf = parseCertificate(input);
    validatePath({
      leaf,
      untrusted: [leaf, ...constrained],
      roots: [root, leaf],
      atMs: root.notBeforeMs,
      purpose: 'clientAuth',
    });
    lintTbsCertificate(leaf.tbs, 'device');
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
  }
}
