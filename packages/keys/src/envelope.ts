import { createCipheriv, createDecipheriv, hkdfSync, type KeyObject } from 'node:crypto';
import { concatBytes, type Random, utf8 } from '@fleetward/core';
import { KeysError } from './errors.ts';
import {
  formatSealed,
  parseSealed,
  type Sealed,
  saltBytes,
  sealedPlaintextBytesMax,
  tagBytes,
} from './sealed-text.ts';
import type { Keyring, Subkey } from './subkeys.ts';

/** Seals small secrets at rest. `context` names what the secret is and whose it is; opening asks for the same one. */
export interface Envelope {
  /** The id of the master key that new texts are sealed under: 16 hex digits. */
  readonly masterKeyId: string;
  /** At most 1 MiB; the result is printable ASCII. */
  seal(plaintext: Uint8Array, context: string): string;
  /** Throws `keys.sealed` when anything was altered or the context differs, `keys.unknown_master_key` when its key is not loaded. */
  open(sealed: string, context: string): Uint8Array;
  /** Seals anew under the current master key; a text that already is comes back as it was. */
  rewrap(sealed: string, context: string): string;
}

const contextBytesMax = 1024;

/**
 * AES-256-GCM with a key and nonce of its own for every text, derived from the subkey and 32 random bytes by HKDF-SHA-256:
 * random 96-bit nonces under one key would be safe for 2^32 texts only, and a wrapped data key would be one more thing to
 * keep and to rotate.
 */
export function createEnvelope(keyring: Keyring, random: Random): Envelope {
  const open = (sealed: string, context: string): Uint8Array => {
    const parsed = parseSealed(sealed);
    return decrypt(parsed, subkeyFor(parsed, keyring), context);
  };
  const seal = (plaintext: Uint8Array, context: string): string =>
    formatSealed(encrypt(plaintext, { subkey: keyring.current, context, salt: random.bytes(saltBytes) }));
  return {
    masterKeyId: keyring.current.masterKeyId,
    seal,
    open,
    rewrap: (sealed, context) => {
      const plaintext = open(sealed, context);
      try {
        return parseSealed(sealed).masterKeyId === keyring.current.masterKeyId
          ? sealed
          : seal(plaintext, context);
      } finally {
        plaintext.fill(0);
      }
    },
  };
}

function subkeyFor(sealed: Sealed, keyring: Keyring): Subkey {
  const subkeys = [keyring.current, ...keyring.previous];
  const subkey = subkeys.find((candidate) => candidate.masterKeyId === sealed.masterKeyId);
  if (subkey !== undefined) return subkey;
  const loaded = subkeys.map((candidate) => candidate.masterKeyId);
  throw new KeysError(
    'keys.unknown_master_key',
    `sealed under the master key with id \`${sealed.masterKeyId}\`, which is not loaded (loaded: ${loaded.join(', ')}): give it as the current or a previous master key`,
    { details: { wanted: sealed.masterKeyId, loaded } },
  );
}

function encrypt(
  plaintext: Uint8Array,
  options: { readonly subkey: Subkey; readonly context: string; readonly salt: Uint8Array },
): Sealed {
  const { subkey, context, salt } = options;
  if (plaintext.length > sealedPlaintextBytesMax) {
    throw new KeysError(
      'keys.too_large',
      `at most ${sealedPlaintextBytesMax} bytes are sealed; these are ${plaintext.length}`,
    );
  }
  const { key, nonce } = textKey(subkey.key, salt);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(associatedData(subkey.masterKeyId, context));
  const ciphertext = concatBytes([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  key.fill(0);
  return { masterKeyId: subkey.masterKeyId, salt, ciphertext };
}

function decrypt(sealed: Sealed, subkey: Subkey, context: string): Uint8Array {
  const { key, nonce } = textKey(subkey.key, sealed.salt);
  const bodyEnd = sealed.ciphertext.length - tagBytes;
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes });
  decipher.setAAD(associatedData(sealed.masterKeyId, context));
  decipher.setAuthTag(sealed.ciphertext.subarray(bodyEnd));
  try {
    return concatBytes([decipher.update(sealed.ciphertext.subarray(0, bodyEnd)), decipher.final()]);
  } catch (cause) {
    throw new KeysError(
      'keys.sealed',
      `the text sealed for \`${context}\` was altered or was sealed for something else`,
      {
        cause,
        details: { context },
      },
    );
  } finally {
    key.fill(0);
  }
}

function textKey(subkey: KeyObject, salt: Uint8Array): { readonly key: Buffer; readonly nonce: Buffer } {
  const derived = Buffer.from(hkdfSync('sha256', subkey, salt, 'fleetward/sealed/1', 44));
  return { key: derived.subarray(0, 32), nonce: derived.subarray(32) };
}

/** No part can run into the next: the id has a fixed length and the context comes last. */
function associatedData(masterKeyId: string, context: string): Uint8Array {
  const bytes = utf8(`fleetward/sealed/1/${masterKeyId}/${context}`);
  if (context === '' || bytes.length > contextBytesMax || !context.isWellFormed()) {
    throw new KeysError(
      'keys.sealed',
      `a context is 1 to about ${contextBytesMax} bytes of well-formed text`,
    );
  }
  return bytes;
}
