import type { SignerAlgorithm } from '@fleetward/core';
import { parseKeyName, parseSigningPurpose } from '@fleetward/keys';

/** Every key of the signing process: what it is called, what it may sign, how. */
export const signingKeys = {
  rootCa: key('root-ca', 'root-ca', 'ecdsa-p256-sha256'),
  issuingCa: key('issuing-ca', 'issuing-ca', 'ecdsa-p256-sha256'),
  tufSnapshot: key('tuf-snapshot', 'tuf-snapshot', 'ed25519'),
  tufTimestamp: key('tuf-timestamp', 'tuf-timestamp', 'ed25519'),
  director: key('director', 'director', 'ed25519'),
  trailCheckpoint: key('trail-checkpoint', 'trail-checkpoint', 'ed25519'),
  issuanceLog: key('issuance-log', 'issuance-log', 'ed25519'),
  provisioningHook: key('provisioning-hook', 'provisioning-hook', 'ed25519'),
} as const;

function key(name: string, purpose: string, algorithm: SignerAlgorithm) {
  return { name: parseKeyName(name), purpose: parseSigningPurpose(purpose), algorithm };
}

/** What `serve` may sign. Not for the root CA: whoever takes over the gateway must not get a CA of their own. */
export const servingPurposes = [
  signingKeys.issuingCa,
  signingKeys.tufSnapshot,
  signingKeys.tufTimestamp,
  signingKeys.director,
  signingKeys.trailCheckpoint,
  signingKeys.issuanceLog,
  signingKeys.provisioningHook,
].map(({ purpose }) => purpose);
