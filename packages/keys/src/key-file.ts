import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import {
  equalBytes,
  fromBase64,
  fromHex,
  type Json,
  parseStrictJson,
  type SignerAlgorithm,
  toBase64,
  toHex,
  utf8,
} from '@fleetward/core';
import { assertFits, isSignerAlgorithm } from './algorithms.ts';
import type { Envelope } from './envelope.ts';
import { KeysError } from './errors.ts';
import { type KeyName, parseKeyName, parseSigningPurpose, type SigningPurpose } from './names.ts';

/** What is public about a key. */
export interface KeyDescription {
  readonly name: KeyName;
  readonly algorithm: SignerAlgorithm;
  readonly purpose: SigningPurpose;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
}

/** `keys/NAME.json`: the description in clear, and the private key (PKCS #8, DER), or its place in a token, sealed to exactly that description. */
export interface KeyFile extends KeyDescription {
  readonly sealedPrivateKey: string;
}

export const keyFileBytesMax = 32 * 1024;

/** Seals a new private key. The purpose and all other fields are bound into the seal: an edited file does not open. */
export function sealKeyFile(
  privateKey: KeyObject,
  options: { readonly spec: Omit<KeyDescription, 'publicKey'>; readonly envelope: Envelope },
): KeyFile {
  const description = { ...options.spec, publicKey: publicKeyOf(privateKey) };
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
  const sealedPrivateKey = options.envelope.seal(pkcs8, contextOf(description));
  pkcs8.fill(0);
  return { ...description, sealedPrivateKey };
}

// RFC 7512: what is sealed of a key in a token. A private key, in DER, never begins so.
const tokenPrefix = 'pkcs11:id=';

/** The same for a key inside a token: where it is there is sealed to the description, so that no file makes a key serve another purpose. */
export function sealTokenKeyFile(
  description: KeyDescription,
  { keyId, envelope }: { readonly keyId: Uint8Array; readonly envelope: Envelope },
): KeyFile {
  const sealedPrivateKey = envelope.seal(utf8(`${tokenPrefix}${toHex(keyId)}`), contextOf(description));
  return { ...description, sealedPrivateKey };
}

/** The id of the key in the token; nothing for a file that holds the key itself. */
export function tokenKeyIdOf(file: KeyFile, envelope: Envelope): Uint8Array | undefined {
  const secret = Buffer.from(envelope.open(file.sealedPrivateKey, contextOf(file)));
  const text = secret.toString('latin1', 0, tokenPrefix.length);
  const keyId = text === tokenPrefix ? fromHex(secret.toString('latin1', tokenPrefix.length)) : undefined;
  secret.fill(0);
  return keyId;
}

/** Opens the private key and checks that it is the one of the public key and fits the algorithm. */
export function openKeyFile(file: KeyFile, envelope: Envelope): KeyObject {
  const pkcs8 = envelope.open(file.sealedPrivateKey, contextOf(file));
  const privateKey = importPrivateKey(pkcs8, file.name);
  assertFits(privateKey, file.algorithm);
  if (!equalBytes(publicKeyOf(privateKey), file.publicKey)) {
    throw new KeysError(
      'keys.key_file',
      `the key file \`${file.name}\` holds the private key of another public key`,
    );
  }
  return privateKey;
}

export function rewrapKeyFile(file: KeyFile, envelope: Envelope): KeyFile {
  return { ...file, sealedPrivateKey: envelope.rewrap(file.sealedPrivateKey, contextOf(file)) };
}

export function formatKeyFile(file: KeyFile): string {
  const { name, algorithm, purpose, sealedPrivateKey } = file;
  const publicKey = toBase64(file.publicKey);
  return `${JSON.stringify({ version: 1, name, algorithm, purpose, publicKey, sealedPrivateKey }, null, 2)}\n`;
}

/** Parses the content of a key file; no field may be missing or unknown. The seal is not looked into. */
export function parseKeyFile(content: Uint8Array): KeyFile {
  try {
    return keyFileOf(parseStrictJson(content, { bytesMax: keyFileBytesMax, depthMax: 1 }));
  } catch (cause) {
    throw new KeysError(
      'keys.key_file',
      `not a key file: ${cause instanceof Error ? cause.message : 'unreadable'}`,
      {
        cause,
      },
    );
  }
}

function keyFileOf(json: Json): KeyFile {
  const { version, name, algorithm, purpose, publicKey, sealedPrivateKey, ...unknown } = membersOf(json);
  const [unknownField] = Object.keys(unknown);
  if (unknownField !== undefined) throw notKeyFile(`the field \`${unknownField.slice(0, 64)}\` is unknown`);
  if (version !== 1) throw notKeyFile('this version reads `version` 1 only');
  if (!isSignerAlgorithm(algorithm)) throw notKeyFile('`algorithm` is not known');
  if (typeof publicKey !== 'string') throw notKeyFile('`publicKey` is missing');
  if (typeof sealedPrivateKey !== 'string') throw notKeyFile('`sealedPrivateKey` is missing');
  return {
    name: parseKeyName(name),
    algorithm,
    purpose: parseSigningPurpose(purpose),
    publicKey: fromBase64(publicKey),
    sealedPrivateKey,
  };
}

function membersOf(json: Json): Readonly<Record<string, unknown>> {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw notKeyFile('expected an object');
  return { ...json };
}

function contextOf(key: KeyDescription): string {
  const publicKeyDigest = createHash('sha256').update(key.publicKey).digest('hex');
  return `key/${key.name}/${key.algorithm}/${key.purpose}/${publicKeyDigest}`;
}

function importPrivateKey(pkcs8: Uint8Array, name: KeyName): KeyObject {
  const bytes = Buffer.from(pkcs8.buffer, pkcs8.byteOffset, pkcs8.byteLength);
  try {
    return createPrivateKey({ key: bytes, type: 'pkcs8', format: 'der' });
  } catch (cause) {
    throw new KeysError('keys.key_file', `the private key in the key file \`${name}\` is damaged`, { cause });
  } finally {
    bytes.fill(0);
  }
}

function publicKeyOf(privateKey: KeyObject): Uint8Array {
  return new Uint8Array(createPublicKey(privateKey).export({ type: 'spki', format: 'der' }));
}

function notKeyFile(reason: string): KeysError {
  return new KeysError('keys.key_file', reason);
}
