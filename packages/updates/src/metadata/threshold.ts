import { constants, verify } from 'node:crypto';
import type { Key } from '@tufjs/models';
import { type VerificationKey, verificationKeyOf } from './key.ts';

/** Who may sign a role, and how many of them must (TUF 4.3). */
export interface RoleKeys {
  readonly keys: Readonly<Record<string, Key>>;
  readonly keyIDs: readonly string[];
  readonly threshold: number;
}

export interface SignatureCount {
  readonly isMet: boolean;
  readonly valid: number;
  readonly threshold: number;
}

interface SignedBytes {
  readonly canonical: Uint8Array;
  readonly signatures: ReadonlyMap<string, Uint8Array>;
}

/**
 * Counts the distinct keys of a role that signed a file. Keys are told apart by their public key, not by their id, so
 * that one key listed under two ids is one signer.
 */
export function countSignatures(file: SignedBytes, role: RoleKeys): SignatureCount {
  const signers = new Set<string>();
  for (const keyId of new Set(role.keyIDs)) {
    const key = usableKey(role, keyId);
    const signature = file.signatures.get(keyId);
    if (key === undefined || signature === undefined) continue;
    if (isSignedBy(key, file.canonical, signature)) signers.add(key.fingerprint);
  }
  return { isMet: signers.size >= role.threshold, valid: signers.size, threshold: role.threshold };
}

/** The keys of a role that can be verified with. */
export function namedKeys(role: RoleKeys): readonly VerificationKey[] {
  return [...new Set(role.keyIDs)].map((keyId) => usableKey(role, keyId)).filter((key) => key !== undefined);
}

function usableKey(role: RoleKeys, keyId: string): VerificationKey | undefined {
  const key = Object.hasOwn(role.keys, keyId) ? role.keys[keyId] : undefined;
  return key === undefined ? undefined : verificationKeyOf(key);
}

/** Whether a key signed these bytes; nothing else than its own scheme counts. */
export function isSignedBy(
  { scheme, key }: VerificationKey,
  canonical: Uint8Array,
  signature: Uint8Array,
): boolean {
  switch (scheme) {
    case 'ed25519':
      return verify(null, canonical, key, signature);
    case 'ecdsa-sha2-nistp256':
      return verify('sha256', canonical, { key, dsaEncoding: 'der' }, signature);
    case 'rsassa-pss-sha256':
      // TUF 4.2: the salt is 32 bytes; node:crypto would accept any length if it were not named.
      return verify(
        'sha256',
        canonical,
        { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
        signature,
      );
  }
}
