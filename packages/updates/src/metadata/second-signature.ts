import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { canonicalJson, fromHex, InvalidInputError, parseStrictJson, toHex, utf8 } from '@fleetward/core';
import { canonicalize } from '@tufjs/canonical-json';
import { Key, type Root } from '@tufjs/models';
import { ok, refuse, type Step } from '../client/outcome.ts';
import { UpdatesError } from '../errors.ts';
import { invalid, isObject } from './envelope.ts';
import { furtherRole } from './further-roles.ts';
import type { SignedFile } from './parse.ts';
import type { RoleKeys, SignatureCount } from './threshold.ts';

/** Beside the signed file, by its name and this: `3.targets.json.mldsa65`. */
export const secondSuffix = '.mldsa65';
/** 16 signatures of 3,309 bytes (FIPS 204), in hex. */
export const secondBytesMax = 128 * 1024;

const scheme = 'ml-dsa-65';
const keyType = 'ml-dsa';
const signaturesMax = 16;
const signatureBytes = 3309;
const keyTextCharactersMax = 4096;

/** The key of a SubjectPublicKeyInfo (DER) of ML-DSA-65 in the form of TUF's keys. Throws `updates.key_invalid`. */
export function mldsa65KeyFromSpki(spki: Uint8Array): Key {
  const key = tryImport(() => createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }));
  if (key === undefined) throw new UpdatesError('updates.key_invalid', 'not an ML-DSA-65 key');
  const keyval = { public: key.export({ type: 'spki', format: 'pem' }).toString() };
  const form = { keytype: keyType, scheme, keyval };
  const keyID = createHash('sha256').update(canonicalize(form)).digest('hex');
  return new Key({ keyID, keyType, scheme, keyVal: keyval });
}

/** The SubjectPublicKeyInfo (DER) of such a key. Throws `updates.key_invalid` for any other. */
export function spkiOfMldsa65Key(key: Key): Uint8Array {
  const usable = importKey(key);
  if (usable !== undefined) return usable.export({ type: 'spki', format: 'der' });
  throw new UpdatesError('updates.key_invalid', `the key \`${key.keyID}\` is not one of ML-DSA-65`);
}

/** The signatures of a detached file by key id; bounded. Throws `updates.metadata_invalid`. */
export function parseSecond(bytes: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const entries = signaturesOf(bytes);
  if (!Array.isArray(entries) || entries.length > signaturesMax)
    throw invalid(`expected at most ${signaturesMax} \`signatures\``);
  const found = new Map<string, Uint8Array>();
  for (const entry of entries) {
    const { keyid, sig } = isObject(entry) ? entry : {};
    if (typeof keyid !== 'string' || typeof sig !== 'string') throw invalid('expected `keyid` and `sig`');
    if (found.has(keyid)) throw invalid('multiple signatures of one key id');
    if (sig.length !== signatureBytes * 2 || !/^[0-9a-f]*$/.test(sig))
      throw invalid('`sig` is no ML-DSA-65 signature in hex');
    found.set(keyid, fromHex(sig));
  }
  return found;
}

export function secondBytes(signatures: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const entries = [...signatures].map(([keyid, sig]) => ({ keyid, sig: toHex(sig) }));
  return utf8(canonicalJson({ signatures: entries }));
}

/** Counts the distinct ML-DSA-65 keys of a role that signed what TUF's signatures of the file are over, too. */
export function countSecond(
  { canonical }: Pick<SignedFile<unknown>, 'canonical'>,
  { role, signatures }: { readonly role: RoleKeys; readonly signatures: ReadonlyMap<string, Uint8Array> },
): SignatureCount {
  const signers = new Set<string>();
  for (const id of new Set(role.keyIDs)) {
    const named = Object.hasOwn(role.keys, id) ? role.keys[id] : undefined;
    const key = named && importKey(named);
    const signature = signatures.get(id);
    if (key === undefined || signature === undefined || !verify(null, canonical, key, signature)) continue;
    signers.add(key.export({ type: 'spki', format: 'pem' }).toString());
  }
  return { isMet: signers.size >= role.threshold, valid: signers.size, threshold: role.threshold };
}

/** Whether any of these roots names keys for second signatures. */
export function needsSecond(roots: readonly SignedFile<Root>[]): boolean {
  return roots.some((root) => furtherRole(root, 'mldsa65') !== undefined);
}

/**
 * Checks a file against the second signature that each of these roots demands: of a list its root, of a root itself and its
 * predecessor. `bytes` is the detached file, if there is one.
 */
export function verifySecond<Signed>(
  file: SignedFile<Signed>,
  by: {
    readonly roots: readonly SignedFile<Root>[];
    readonly bytes: Uint8Array | undefined;
    readonly step: string;
    readonly subject: string;
  },
): Step<SignedFile<Signed>> {
  const { bytes, step, subject } = by;
  for (const root of by.roots) {
    const role = furtherRole(root, 'mldsa65');
    if (role === undefined) continue;
    const as = `root ${root.signed.version}`;
    if (bytes === undefined) {
      const explanation = `${as} demands a second signature by ML-DSA-65, and there is none`;
      return refuse(step, { subject, reason: 'missing', explanation });
    }
    const count = countParsed(file, { role, bytes });
    if (count.isMet) continue;
    const explanation = `${count.valid} of ${count.threshold} needed ML-DSA-65 keys of ${as} signed it`;
    return refuse(step, { subject, reason: 'below-threshold', explanation });
  }
  return ok(file);
}

function countParsed(
  file: SignedFile<unknown>,
  { role, bytes }: { readonly role: RoleKeys; readonly bytes: Uint8Array },
): SignatureCount {
  try {
    return countSecond(file, { role, signatures: parseSecond(bytes) });
  } catch (error) {
    if (!(error instanceof UpdatesError)) throw error;
    return { isMet: false, valid: 0, threshold: role.threshold };
  }
}

function signaturesOf(bytes: Uint8Array) {
  try {
    const json = parseStrictJson(bytes, { bytesMax: secondBytesMax, depthMax: 4 });
    return isObject(json) ? json.signatures : undefined;
  } catch (cause) {
    if (!(cause instanceof InvalidInputError)) throw cause;
    throw new UpdatesError('updates.metadata_invalid', `not a detached signature: ${cause.message}`, {
      cause,
    });
  }
}

function importKey(key: Key): KeyObject | undefined {
  const text = key.keyVal.public;
  if (key.scheme !== scheme || key.keyType !== keyType || text === undefined) return undefined;
  if (text.length > keyTextCharactersMax) return undefined;
  return tryImport(() => createPublicKey({ key: text, format: 'pem' }));
}

function tryImport(read: () => KeyObject): KeyObject | undefined {
  try {
    const key = read();
    return key.asymmetricKeyType === scheme ? key : undefined;
  } catch {
    return undefined; // node:crypto has many codes for a malformed key; an unusable key never counts
  }
}
