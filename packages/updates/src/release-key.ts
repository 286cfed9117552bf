import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { Random } from '@fleetward/core';
import { UpdatesError } from './errors.ts';
import { tufKeyFromSpki } from './metadata/key.ts';
import { mldsa65KeyFromSpki } from './metadata/second-signature.ts';
import { type KeyFileHeader, parseKeyFile, sealKey, unsealKey, writeKeyFile } from './release-key-file.ts';
import { type ReleaseKeyAlgorithm, type ReleaseSigner, signerOf } from './release-signer.ts';
import { isTokenKeyFile, parseTokenKey } from './token-key-file.ts';

export interface NewReleaseKey {
  readonly algorithm: ReleaseKeyAlgorithm;
  /** At least 8 characters. */
  readonly passphrase: string;
  readonly random: Random;
  /** scrypt's N as a power of two, 14 to 20: each step doubles time and memory. 17, the default, takes 128 MiB. */
  readonly scryptCostLog2?: number;
}

/** A key opened for use: the private key lives only in the signer's closure. */
export interface OpenReleaseKey {
  /** The key's id in TUF metadata. */
  readonly keyId: string;
  readonly signer: ReleaseSigner;
}

const passphraseCharactersMin = 8;

/**
 * Makes a release engineer's key, RSA 3072, ECDSA P-256, Ed25519 or ML-DSA-65, and the file to keep it in: its PKCS#8 under
 * AES-256-GCM, with a key that scrypt derives from the passphrase.
 */
export function generateReleaseKey(options: NewReleaseKey): OpenReleaseKey & { readonly file: Uint8Array } {
  const { algorithm, passphrase, random, scryptCostLog2 = 17 } = options;
  if (passphrase.length < passphraseCharactersMin) {
    const message = `a passphrase has at least ${passphraseCharactersMin} characters`;
    throw new UpdatesError('updates.key_invalid', message);
  }
  const privateKey = generatePrivateKey(algorithm);
  const signer = signerOf(privateKey, algorithm);
  const keyId = keyIdOf(signer);
  const fresh = { salt: random.bytes(32), nonce: random.bytes(12) };
  const header: KeyFileHeader = { algorithm, keyId, publicKey: signer.publicKey, scryptCostLog2, ...fresh };
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
  const file = writeKeyFile({ header, sealed: sealKey(pkcs8, { header, passphrase }) });
  pkcs8.fill(0);
  return { file, keyId, signer };
}

/** Opens a key file; fails with `updates.key_locked` when the passphrase is wrong or the file was changed. */
export function openReleaseKey(file: Uint8Array, passphrase: string): OpenReleaseKey {
  const { key, header } = unsealPrivateKey(file, passphrase);
  return { keyId: header.keyId, signer: signerOf(key, header.algorithm) };
}

/** The public half of a key file, also of one whose key is in a token (SubjectPublicKeyInfo, DER): needs no passphrase and so is not authenticated. */
export function readReleasePublicKey(file: Uint8Array): {
  readonly keyId: string;
  readonly publicKey: Uint8Array;
} {
  if (isTokenKeyFile(file)) {
    const { publicKey } = parseTokenKey(file);
    return { keyId: tufKeyFromSpki(publicKey).keyID, publicKey };
  }
  const { publicKey, algorithm } = parseKeyFile(file).header;
  return { keyId: keyIdOf({ publicKey, algorithm }), publicKey };
}

/** The id of a signer's key in metadata, or in a detached second signature. */
function keyIdOf({ algorithm, publicKey }: Pick<ReleaseSigner, 'algorithm' | 'publicKey'>): string {
  return (algorithm === 'ml-dsa-65' ? mldsa65KeyFromSpki(publicKey) : tufKeyFromSpki(publicKey)).keyID;
}

/** For this package's own plain signatures, whose RSA form no `Signer` has. */
export function unsealPrivateKey(
  file: Uint8Array,
  passphrase: string,
): { readonly key: KeyObject; readonly header: KeyFileHeader } {
  const parsed = parseKeyFile(file);
  const pkcs8 = unsealKey(parsed, passphrase);
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  pkcs8.fill(0);
  return { key, header: parsed.header };
}

function generatePrivateKey(algorithm: ReleaseKeyAlgorithm): KeyObject {
  switch (algorithm) {
    case 'ed25519':
      return generateKeyPairSync('ed25519').privateKey;
    case 'ecdsa-p256-sha256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    case 'rsa-pss-sha256':
      return generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey;
    case 'ml-dsa-65':
      return generateKeyPairSync('ml-dsa-65').privateKey;
  }
}
