import { concatBytes, toBase64Url } from '@fleetward/core';
import { KeysError } from './errors.ts';

/** What a sealed text says in clear: which master key, the salt of its own key, and the ciphertext with its tag. */
export interface Sealed {
  readonly masterKeyId: string;
  readonly salt: Uint8Array;
  readonly ciphertext: Uint8Array;
}

export const saltBytes = 32;
export const tagBytes = 16;
export const sealedPlaintextBytesMax = 1024 * 1024;

const version = 'fws1';
const textCharactersMax = 64 + Math.ceil(((saltBytes + sealedPlaintextBytesMax + tagBytes) * 4) / 3);
const pattern = /^fws1\.([0-9a-f]{16})\.([A-Za-z0-9_-]+)$/;

/** `fws1.<master key id>.<base64url of salt, ciphertext and tag>`. */
export function formatSealed(sealed: Sealed): string {
  return `${version}.${sealed.masterKeyId}.${toBase64Url(concatBytes([sealed.salt, sealed.ciphertext]))}`;
}

/** Accepts only what `formatSealed` makes, to the bit. */
export function parseSealed(text: string): Sealed {
  if (text.length > textCharactersMax) throw notSealed();
  const [, masterKeyId, encoded] = pattern.exec(text) ?? [];
  if (masterKeyId === undefined || encoded === undefined) throw notSealed();
  const bytes = Buffer.from(encoded, 'base64url');
  if (bytes.length < saltBytes + tagBytes || bytes.toString('base64url') !== encoded) throw notSealed();
  return { masterKeyId, salt: bytes.subarray(0, saltBytes), ciphertext: bytes.subarray(saltBytes) };
}

function notSealed(): KeysError {
  return new KeysError('keys.sealed', `not a sealed text: expected \`${version}.ID.DATA\``);
}
