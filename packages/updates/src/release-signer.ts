import { constants, createPublicKey, type KeyObject, sign } from 'node:crypto';
import type { Signer } from '@fleetward/core';

/** What a release engineer's key can be. */
export type ReleaseKeyAlgorithm = 'rsa-pss-sha256' | 'ecdsa-p256-sha256' | 'ed25519';

/** A signer whose key lives in its closure. */
export function signerOf(privateKey: KeyObject, algorithm: ReleaseKeyAlgorithm): Signer {
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  return { algorithm, publicKey, sign: async (message) => signMessage(message, { privateKey, algorithm }) };
}

function signMessage(
  message: Uint8Array,
  { privateKey, algorithm }: { readonly privateKey: KeyObject; readonly algorithm: ReleaseKeyAlgorithm },
): Uint8Array {
  switch (algorithm) {
    case 'ed25519':
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
