import type { SignerAlgorithm } from '@fleetward/core';

/** What a CA's key may be, by the names operators use, and how it signs. */
export const caAlgorithms = {
  'ecdsa-p256': 'ecdsa-p256-sha256',
  'ecdsa-p384': 'ecdsa-p384-sha384',
  ed25519: 'ed25519',
  'rsa-3072': 'rsa-pkcs1-sha256',
  'ml-dsa-44': 'ml-dsa-44',
  'ml-dsa-65': 'ml-dsa-65',
  'ml-dsa-87': 'ml-dsa-87',
} as const satisfies Readonly<Record<string, SignerAlgorithm>>;
