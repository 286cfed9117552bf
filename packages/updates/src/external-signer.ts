import { createPublicKey, verify } from 'node:crypto';
import { UpdatesError } from './errors.ts';
import { importVerificationKey } from './metadata/key.ts';
import { isSignedBy } from './metadata/threshold.ts';
import type { ReleaseKeyAlgorithm, ReleaseSigner } from './release-signer.ts';

const algorithms = {
  ed25519: 'ed25519',
  'ecdsa-sha2-nistp256': 'ecdsa-p256-sha256',
  'rsassa-pss-sha256': 'rsa-pss-sha256',
} as const satisfies Record<string, ReleaseKeyAlgorithm>;

/**
 * A signer whose key is elsewhere, by its public half (SubjectPublicKeyInfo, DER). What comes back counts only if it verifies: ECDSA in DER, RSA-PSS with a salt of
 * 32 bytes, Ed25519 and ML-DSA-65 over the message itself. Throws `updates.key_invalid`.
 */
export function externalSigner(
  publicKey: Uint8Array,
  sign: (message: Uint8Array) => Promise<Uint8Array>,
): ReleaseSigner {
  const { algorithm, isSigned } = verifierOf(publicKey);
  return {
    algorithm,
    publicKey,
    sign: async (message) => {
      const signature = await sign(message);
      if (isSigned(message, signature)) return signature;
      throw new UpdatesError(
        'updates.key_invalid',
        `what came back is no ${algorithm} signature of this key`,
      );
    },
  };
}

function verifierOf(publicKey: Uint8Array) {
  const mldsa65 = mldsa65Of(publicKey);
  if (mldsa65 !== undefined) {
    const isSigned = (message: Uint8Array, signature: Uint8Array) =>
      verify(null, message, mldsa65, signature);
    return { algorithm: 'ml-dsa-65' as const, isSigned };
  }
  const key = importVerificationKey(publicKey);
  const isSigned = (message: Uint8Array, signature: Uint8Array) => isSignedBy(key, message, signature);
  return { algorithm: algorithms[key.scheme], isSigned };
}

function mldsa65Of(publicKey: Uint8Array) {
  try {
    const key = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' });
    return key.asymmetricKeyType === 'ml-dsa-65' ? key : undefined;
  } catch {
    return undefined; // said by `importVerificationKey`
  }
}
