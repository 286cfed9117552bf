import { createSecretKey } from 'node:crypto';
import { createEnvelope } from '../src/envelope.ts';
import { KeysError } from '../src/errors.ts';
import { deriveKeyring } from '../src/subkeys.ts';

const random = { bytes: (length: number) => new Uint8Array(length).fill(7) };
const envelope = createEnvelope(deriveKeyring([createSecretKey(random.bytes(32))], 'records'), random);
const secret = Buffer.from('secret');
const sealed = envelope.seal(secret, 'a');

export const seeds: readonly Uint8Array[] = [Buffer.from(sealed)];

/** Only the text that was sealed opens; there is no second way to write it. */
export function fuzz(input: Uint8Array): void {
  const text = Buffer.from(input).toString('latin1');
  try {
    envelope.open(text, 'a');
  } catch (error) {
    if (error instanceof KeysError) return;
    throw error;
  }
  if (text !== sealed) throw new Error('a text opened that was never sealed');
}
