import type { SignerAlgorithm } from '@fleetward/core';
import { Option } from 'commander';

/** What the key of a CA may be: how a person calls it, and how it signs. */
export const caAlgorithms = {
  'ecdsa-p256': 'ecdsa-p256-sha256',
  'ecdsa-p384': 'ecdsa-p384-sha384',
  ed25519: 'ed25519',
  'rsa-3072': 'rsa-pkcs1-sha256',
} as const satisfies Readonly<Record<string, SignerAlgorithm>>;

export type CaAlgorithm = keyof typeof caAlgorithms;

export function caAlgorithmOption(what: string): Option {
  return new Option('--algorithm <name>', what).choices(caAlgorithmNames).default('ecdsa-p256');
}

/** Where a CA's key is made, and stays. */
export function keyStoreOption(): Option {
  return new Option(
    '--key-store <place>',
    'sealed in the platform’s folder, or in the token of the setting `hsm`',
  )
    .choices(['file', 'hsm'])
    .default('file');
}

export const caAlgorithmNames = Object.keys(caAlgorithms) as readonly CaAlgorithm[];
