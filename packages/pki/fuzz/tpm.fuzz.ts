import { readFileSync } from 'node:fs';
import { fromHex } from '@fleetward/core';
import {
  checkPublicKey,
  PkiError,
  parsePublicKey,
  parseTpmCertification,
  parseTpmPublic,
  verifyTpmSignature,
} from '../src/index.ts';

type Case = Readonly<Record<'publicArea' | 'spki' | 'attestation' | 'signature', string>>;

const valid = new URL('../../../conformance/vectors/tpm/valid/', import.meta.url);
const casesOf = (name: string): readonly Case[] =>
  JSON.parse(readFileSync(new URL(`${name}.json`, valid), 'utf8')).cases;

const areas = casesOf('public-areas');
const certifications = casesOf('certifications');
const keys = areas.map(({ spki }) => parsePublicKey(fromHex(spki)));

export const seeds: readonly Uint8Array[] = [
  ...areas.map(({ publicArea }) => publicArea),
  ...certifications.flatMap(({ attestation, signature }) => [attestation, signature]),
].map(fromHex);

/** What a stranger says its TPM has made is read, or refused with our own error. */
export function fuzz(input: Uint8Array): void {
  for (const read of [readPublic, parseTpmCertification, verify]) {
    try {
      read(input);
    } catch (error) {
      if (!(error instanceof PkiError)) throw error;
    }
  }
}

function readPublic(input: Uint8Array): void {
  checkPublicKey(parseTpmPublic(input).publicKey);
}

function verify(signature: Uint8Array): void {
  for (const key of keys) verifyTpmSignature(key, { message: signature, signature });
}
