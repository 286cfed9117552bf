import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { fromHex, toHex, utf8 } from '@fleetward/core';
import { canonicalize } from '@tufjs/canonical-json';
import { Key } from '@tufjs/models';
import { UpdatesError } from '../errors.ts';

/** RFC 8410 §4: everything of an Ed25519 SubjectPublicKeyInfo before its 32 key bytes. */
const ed25519SpkiPrefix = fromHex('302a300506032b6570032100');
const pemHeader = '-----BEGIN PUBLIC KEY-----';
const keyTextCharactersMax = 4096;

type TufScheme = 'ed25519' | 'ecdsa-sha2-nistp256' | 'rsassa-pss-sha256';

/** A key of the metadata made usable; `fingerprint` is the hex SHA-256 of its SubjectPublicKeyInfo. */
export interface VerificationKey {
  readonly scheme: TufScheme;
  readonly key: KeyObject;
  readonly fingerprint: string;
}

/** The TUF key for a SubjectPublicKeyInfo (DER) of Ed25519, ECDSA P-256 or RSA of 2048 to 8192 bits. */
export function tufKeyFromSpki(spki: Uint8Array): Key {
  const key = importSpki(spki);
  const scheme = key === undefined ? undefined : schemeOf(key);
  if (key === undefined || scheme === undefined) {
    throw new UpdatesError(
      'updates.key_invalid',
      'a release key is Ed25519, ECDSA P-256 or RSA of 2048 to 8192 bits',
    );
  }
  return keyWithId({ keyType: keyTypes[scheme], scheme, keyVal: { public: keyText(key, scheme) } });
}

/** Makes a key of received metadata usable; `undefined` when its type, scheme or value is not one we verify with. */
export function verificationKeyOf(key: Key): VerificationKey | undefined {
  const text = key.keyVal.public;
  if (text === undefined || text.length > keyTextCharactersMax) return undefined;
  const imported = text.startsWith(pemHeader) ? importPem(text) : importEd25519Hex(text);
  const scheme = imported === undefined ? undefined : schemeOf(imported);
  if (imported === undefined || scheme === undefined || scheme !== key.scheme) return undefined;
  // `ecdsa-sha2-nistp256` is the older spelling of the key type.
  if (key.keyType !== keyTypes[scheme] && key.keyType !== scheme) return undefined;
  return { scheme, key: imported, fingerprint: fingerprintOf(imported) };
}

/** A public key (SubjectPublicKeyInfo, DER) to verify with. Throws `updates.key_invalid`. */
export function importVerificationKey(spki: Uint8Array): VerificationKey {
  const key = verificationKeyOf(tufKeyFromSpki(spki));
  if (key !== undefined) return key;
  throw new UpdatesError('updates.key_invalid', 'not a key to verify with');
}

/** The SubjectPublicKeyInfo (DER) of a TUF key. Throws `updates.key_invalid` for one that we do not verify with. */
export function spkiOfTufKey(key: Key): Uint8Array {
  const usable = verificationKeyOf(key);
  if (usable !== undefined) return exportSpki(usable.key);
  throw new UpdatesError(
    'updates.key_invalid',
    `the key \`${key.keyID}\` is of a kind that is not used here`,
  );
}

const keyTypes: Readonly<Record<TufScheme, string>> = {
  ed25519: 'ed25519',
  'ecdsa-sha2-nistp256': 'ecdsa',
  'rsassa-pss-sha256': 'rsa',
};

function schemeOf(key: KeyObject): TufScheme | undefined {
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ed25519') return 'ed25519';
  if (key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1') return 'ecdsa-sha2-nistp256';
  if (key.asymmetricKeyType === 'rsa' && modulusLength >= 2048 && modulusLength <= 8192)
    return 'rsassa-pss-sha256';
  return undefined;
}

function keyText(key: KeyObject, scheme: TufScheme): string {
  if (scheme === 'ed25519') return toHex(exportSpki(key).subarray(ed25519SpkiPrefix.length));
  return key.export({ type: 'spki', format: 'pem' }).toString();
}

/** TUF 4.2: the key id is the SHA-256 of the key's canonical form. */
function keyWithId(parts: { keyType: string; scheme: string; keyVal: Record<string, string> }): Key {
  const form = { keytype: parts.keyType, scheme: parts.scheme, keyval: parts.keyVal };
  return new Key({ keyID: sha256Hex(utf8(canonicalize(form))), ...parts });
}

function importEd25519Hex(text: string): KeyObject | undefined {
  if (!/^[0-9a-fA-F]{64}$/.test(text)) return undefined;
  return importSpki(Buffer.concat([ed25519SpkiPrefix, fromHex(text)]));
}

function importPem(text: string): KeyObject | undefined {
  return tryImport(() => createPublicKey({ key: text, format: 'pem' }));
}

function importSpki(spki: Uint8Array): KeyObject | undefined {
  return tryImport(() => createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }));
}

function tryImport(read: () => KeyObject): KeyObject | undefined {
  try {
    return read();
  } catch {
    return undefined; // node:crypto has many codes for a malformed key; an unusable key never counts
  }
}

function fingerprintOf(key: KeyObject): string {
  return sha256Hex(exportSpki(key));
}

function exportSpki(key: KeyObject): Uint8Array {
  return key.export({ type: 'spki', format: 'der' });
}

/** Lower-case hex SHA-256. */
export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
