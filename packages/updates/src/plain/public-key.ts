import { createPublicKey, type KeyObject } from 'node:crypto';

/** What a public key signs with when one file is signed by hand. */
export type PlainKey =
  | { readonly kind: 'rsa-pss'; readonly key: KeyObject; readonly saltBytes: number; readonly bytes: number }
  | { readonly kind: 'ed25519'; readonly key: KeyObject; readonly bytes: 64 };

const spkiBytesMax = 16 * 1024;
const pemPattern = /^-----BEGIN PUBLIC KEY-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END PUBLIC KEY-----\s*$/;
const sha256Bytes = 32;

/** Reads a SubjectPublicKeyInfo, DER or PEM, of RSA (2048 to 8192 bits) or Ed25519; `undefined` for anything else. */
export function readPlainKey(publicKey: Uint8Array | string): PlainKey | undefined {
  const key = readSpki(publicKey);
  return key === undefined ? undefined : plainKeyOf(key);
}

/** The scheme a key uses for plain signatures; `undefined` when it has none. */
export function plainKeyOf(key: KeyObject): PlainKey | undefined {
  if (key.asymmetricKeyType === 'ed25519') return { kind: 'ed25519', key, bytes: 64 };
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.asymmetricKeyType !== 'rsa' || bits < 2048 || bits > 8192) return undefined;
  return { kind: 'rsa-pss', key, saltBytes: saltBytesMaxOf(bits), bytes: Math.ceil(bits / 8) };
}

/** The longest salt EMSA-PSS has room for with SHA-256: emLen - hLen - 2 (RFC 8017 §9.1.1). */
function saltBytesMaxOf(modulusBits: number): number {
  return Math.ceil((modulusBits - 1) / 8) - sha256Bytes - 2;
}

function readSpki(publicKey: Uint8Array | string): KeyObject | undefined {
  if (publicKey.length > spkiBytesMax) return undefined;
  const text = typeof publicKey === 'string' ? publicKey : Buffer.from(publicKey).toString('latin1');
  // Only this armour: a private key's PEM would be turned into its public half without a word.
  const armoured = pemPattern.exec(text)?.[1];
  if (armoured === undefined && typeof publicKey === 'string') return undefined;
  const der = armoured === undefined ? Buffer.from(publicKey) : Buffer.from(armoured, 'base64');
  try {
    return createPublicKey({ key: der, format: 'der', type: 'spki' });
  } catch {
    return undefined; // node:crypto refuses malformed keys with many codes; all mean the same here
  }
}
