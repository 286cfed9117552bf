import type { SignerAlgorithm } from '@fleetward/core';

/** What the key of a CA may be: how a person calls it, and how it signs. */
export const caAlgorithms = {
  'ecdsa-p256': 'ecdsa-p256-sha256',
  'ecdsa-p384': 'ecdsa-p384-sha384',
  ed25519: 'ed25519',
  'rsa-3072': 'rsa-pkcs1-sha256',
} as const satisfies Readonly<Record<string, SignerAlgorithm>>;

export type CaAlgorithm = keyof typeof caAlgorithms;

export const caAlgorithmNames = Object.keys(caAlgorithms) as readonly CaAlgorithm[];
