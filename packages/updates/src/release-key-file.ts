import { createCipheriv, createDecipheriv, scryptSync } from 'node:crypto';
import {
  canonicalJson,
  concatBytes,
  fromBase64,
  InvalidInputError,
  type Json,
  type JsonObject,
  parseStrictJson,
  toBase64,
  utf8,
} from '@fleetward/core';
import { UpdatesError } from './errors.ts';
import type { ReleaseKeyAlgorithm } from './release-signer.ts';

/** Everything in a key file but the sealed key; authenticated with it. */
export interface KeyFileHeader {
  readonly algorithm: ReleaseKeyAlgorithm;
  readonly keyId: string;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  /** scrypt's N as a power of two. */
  readonly scryptCostLog2: number;
  readonly salt: Uint8Array;
  readonly nonce: Uint8Array;
}

export interface KeyFile {
  readonly header: KeyFileHeader;
  /** AES-256-GCM ciphertext, then its tag of 16 bytes. */
  readonly sealed: Uint8Array;
}

const format = 'fleetward-release-key-1';
const fileBytesMax = 64 * 1024;
const tagBytes = 16;

export function writeKeyFile({ header, sealed }: KeyFile): Uint8Array {
  return utf8(`${canonicalJson({ ...headerJson(header), sealed: toBase64(sealed) })}\n`);
}

/** Parses a key file, bounded; fails with `updates.key_invalid`. */
export function parseKeyFile(file: Uint8Array): KeyFile {
  try {
    return readMembers(parseStrictJson(file, { bytesMax: fileBytesMax, depthMax: 2 }));
  } catch (cause) {
    if (!(cause instanceof InvalidInputError)) throw cause;
    throw new UpdatesError('updates.key_invalid', `not a release key file: ${cause.message}`, { cause });
  }
}

/** Encrypts a PKCS#8 key under a passphrase. */
export function sealKey(
  pkcs8: Uint8Array,
  { header, passphrase }: { header: KeyFileHeader; passphrase: string },
) {
  const cipher = createCipheriv('aes-256-gcm', deriveKey(header, passphrase), header.nonce);
  cipher.setAAD(associatedData(header));
  return concatBytes([cipher.update(pkcs8), cipher.final(), cipher.getAuthTag()]);
}

/** Decrypts a PKCS#8 key; fails with `updates.key_locked` when the passphrase is wrong or the file was changed. */
export function unsealKey({ header, sealed }: KeyFile, passphrase: string): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', deriveKey(header, passphrase), header.nonce, {
    authTagLength: tagBytes,
  });
  decipher.setAAD(associatedData(header));
  decipher.setAuthTag(sealed.subarray(-tagBytes));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, -tagBytes)), decipher.final()]);
  } catch (cause) {
    const message = `the key \`${header.keyId}\` stays locked: wrong passphrase, or the file was changed`;
    throw new UpdatesError('updates.key_locked', message, { cause });
  }
}

function deriveKey({ scryptCostLog2, salt }: KeyFileHeader, passphrase: string): Buffer {
  const N = 2 ** scryptCostLog2;
  return scryptSync(passphrase.normalize('NFC'), salt, 32, { N, r: 8, p: 1, maxmem: 256 * 8 * N });
}

function associatedData(header: KeyFileHeader): Uint8Array {
  return utf8(canonicalJson(headerJson(header)));
}

function headerJson(header: KeyFileHeader): JsonObject {
  const { algorithm, keyId, publicKey, scryptCostLog2, salt, nonce } = header;
  const bytes = { publicKey: toBase64(publicKey), salt: toBase64(salt), nonce: toBase64(nonce) };
  return { format, algorithm, keyId, scryptCostLog2, ...bytes };
}

function readMembers(json: Json): KeyFile {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw invalid('$', 'an object');
  const members = json as JsonObject; // `Array.isArray` does not narrow a readonly array away
  if (members.format !== format) throw invalid('format', `\`${format}\``);
  const header = {
    algorithm: readAlgorithm(members.algorithm),
    keyId: readText(members, 'keyId'),
    publicKey: fromBase64(readText(members, 'publicKey')),
    scryptCostLog2: readCost(members.scryptCostLog2),
    salt: readBytes(members, { name: 'salt', length: 32 }),
    nonce: readBytes(members, { name: 'nonce', length: 12 }),
  };
  const sealed = fromBase64(readText(members, 'sealed'));
  if (sealed.length <= tagBytes) throw invalid('sealed', 'an encrypted key and its tag');
  return { header, sealed };
}

function readAlgorithm(value: Json | undefined): ReleaseKeyAlgorithm {
  if (value === 'rsa-pss-sha256' || value === 'ecdsa-p256-sha256') return value;
  if (value === 'ed25519' || value === 'ml-dsa-65') return value;
  throw invalid('algorithm', 'rsa-pss-sha256, ecdsa-p256-sha256, ed25519 or ml-dsa-65');
}

/** Bounded: a hostile file must not make us spend minutes or gigabytes. */
function readCost(value: Json | undefined): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 14 && value <= 20) return value;
  throw invalid('scryptCostLog2', 'a whole number from 14 to 20');
}

function readBytes(
  members: JsonObject,
  { name, length }: { readonly name: string; readonly length: number },
) {
  const bytes = fromBase64(readText(members, name));
  if (bytes.length !== length) throw invalid(name, `${length} bytes`);
  return bytes;
}

function readText(members: JsonObject, name: string): string {
  const value = members[name];
  if (typeof value !== 'string') throw invalid(name, 'a string');
  return value;
}

function invalid(member: string, expected: string): UpdatesError {
  return new UpdatesError('updates.key_invalid', `not a release key file: \`${member}\` must be ${expected}`);
}
