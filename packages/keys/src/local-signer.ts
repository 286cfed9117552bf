import { createPublicKey, type KeyObject } from 'node:crypto';
import type { Signer, SignerAlgorithm } from '@fleetward/core';
import { assertFits, signBytes } from './algorithms.ts';

/** A signer on a private key in this process, without lint: for offline tools, devices and tests, not for the server. */
export function localSigner(privateKey: KeyObject, algorithm: SignerAlgorithm): Signer {
  assertFits(privateKey, algorithm);
  const publicKey = new Uint8Array(createPublicKey(privateKey).export({ type: 'spki', format: 'der' }));
  return { algorithm, publicKey, sign: async (message) => signBytes(message, { privateKey, algorithm }) };
}
