import {
  canonicalJson,
  fromBase64,
  fromHex,
  InvalidInputError,
  type Json,
  type JsonObject,
  parseStrictJson,
  toBase64,
  toHex,
  utf8,
} from '@fleetward/core';
import { UpdatesError } from './errors.ts';
import { importVerificationKey } from './metadata/key.ts';

/**
 * A release key inside a PKCS #11 token, by what finds it there. Nothing of it is secret, and it names no code to load: which module speaks with the
 * token is for the machine to say.
 */
export interface TokenKey {
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  readonly tokenLabel: string;
  /** `CKA_ID`. */
  readonly objectId: Uint8Array;
}

const format = 'fleetward-token-key-1';
const fileBytesMax = 64 * 1024;
const objectIdBytesMax = 64;
/** PKCS #11: a label has 32 bytes, padded with blanks. */
const labelPattern = /^(?! )[\x20-\x7e]{1,32}(?<! )$/;

export function writeTokenKey({ publicKey, tokenLabel, objectId }: TokenKey): Uint8Array {
  const file = { format, objectId: toHex(objectId), publicKey: toBase64(publicKey), token: tokenLabel };
  return utf8(`${canonicalJson(file)}\n`);
}

/** Whether a key file says that its key is in a token. */
export function isTokenKeyFile(file: Uint8Array): boolean {
  try {
    return membersOf(file).format === format;
  } catch (cause) {
    if (cause instanceof InvalidInputError) return false;
    throw cause;
  }
}

/** Parses the file of a key in a token, bounded; fails with `updates.key_invalid`. */
export function parseTokenKey(file: Uint8Array): TokenKey {
  try {
    return readMembers(membersOf(file));
  } catch (cause) {
    if (!(cause instanceof InvalidInputError)) throw cause;
    throw invalid(cause.message, cause);
  }
}

function membersOf(file: Uint8Array): JsonObject {
  const json: Json = parseStrictJson(file, { bytesMax: fileBytesMax, depthMax: 2 });
  return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as JsonObject) : {};
}

function readMembers(members: JsonObject): TokenKey {
  if (members.format !== format) throw invalid(`\`format\` must be \`${format}\``);
  const tokenLabel = readText(members, 'token');
  if (!labelPattern.test(tokenLabel))
    throw invalid('`token` must be 1 to 32 printable characters, none of them a blank at an end');
  const objectId = fromHex(readText(members, 'objectId'));
  if (objectId.length === 0 || objectId.length > objectIdBytesMax)
    throw invalid(`\`objectId\` must have 1 to ${objectIdBytesMax} bytes`);
  const publicKey = fromBase64(readText(members, 'publicKey'));
  importVerificationKey(publicKey); // one of TUF's schemes, or it could sign nothing
  return { publicKey, tokenLabel, objectId };
}

function readText(members: JsonObject, name: string): string {
  const value = members[name];
  if (typeof value === 'string') return value;
  throw invalid(`\`${name}\` must be a string`);
}

function invalid(why: string, cause?: unknown): UpdatesError {
  return new UpdatesError('updates.key_invalid', `not the file of a key in a token: ${why}`, { cause });
}
