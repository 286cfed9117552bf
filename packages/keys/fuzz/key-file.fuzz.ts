import { createSecretKey, generateKeyPairSync } from 'node:crypto';
import { createEnvelope } from '../src/envelope.ts';
import { KeysError } from '../src/errors.ts';
import { formatKeyFile, openKeyFile, parseKeyFile, sealKeyFile } from '../src/key-file.ts';
import { parseKeyName, parseSigningPurpose } from '../src/names.ts';
import { deriveKeyring } from '../src/subkeys.ts';

const random = { bytes: (length: number) => new Uint8Array(length).fill(7) };
const envelope = createEnvelope(deriveKeyring([createSecretKey(random.bytes(32))], 'signing'), random);
const spec = {
  name: parseKeyName('ca'),
  purpose: parseSigningPurpose('root-ca'),
  algorithm: 'ed25519',
} as const;
const file = sealKeyFile(generateKeyPairSync('ed25519').privateKey, { spec, envelope });

export const seeds: readonly Uint8Array[] = [Buffer.from(formatKeyFile(file))];

/** A key file that was tampered with may be refused at any step, but only in our own words. */
export function fuzz(input: Uint8Array): void {
  try {
    openKeyFile(parseKeyFile(input), envelope);
  } catch (error) {
    if (!(error instanceof KeysError)) throw error;
  }
}
