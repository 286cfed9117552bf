import { constants, createPublicKey, type KeyObject, sign } from 'node:crypto';
import type { Signer, SignerAlgorithm } from '@fleetward/core';

/** What a release engineer's key can be. */
export type ReleaseKeyAlgorithm = 'rsa-pss-sha256' | 'ecdsa-p256-sha256' | 'ed25519' | 'ml-dsa-65';

/** A signer of releases: one of TUF's schemes, or ML-DSA-65 for second signatures. */
export type ReleaseSigner = Omit<Signer, 'algorithm'> & {
  readonly algorithm: SignerAlgorithm | 'ml-dsa-65';
};

/** One whose signatures TUF knows. */
export function isFirstSigner(signer: ReleaseSigner): signer is Signer {
  return signer.algorithm !== 'ml-dsa-65';
}

/** A signer whose key lives in its closure. */
export function signerOf<Algorithm extends ReleaseKeyAlgorithm>(
  privateKey: KeyObject,
  algorithm: Algorithm,
): Omit<Signer, 'algorithm'> & { readonly algorithm: Algorithm } {
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  return { algorithm, publicKey, sign: async (message) => signMessage(message, { privateKey, algorithm }) };
}

function signMessage(
  message: Uint8Array,
  { privateKey, algorithm }: { readonly privateKey: KeyObject; readonly algorithm: ReleaseKeyAlgorithm },
): Uint8Array {
  switch (algorithm) {
    case 'ed25519':
    case 'ml-dsa-65':
      return sign(null, message, privateKey);
    case 'ecdsa-p256-sha256':
      return sign('sha256', message, { key: privateKey, dsaEncoding: 'der' });
    case 'rsa-pss-sha256':
      // TUF 4.2: a salt of 32 bytes.
      return sign('sha256', message, {
        key: privateKey,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: 32,
      });
  }
}
