import type { MlDsaAlgorithm, SignerAlgorithm } from '@fleetward/core';
import { Option } from 'commander';
import type { Output } from '../output.ts';

/** What the key of a CA may be: how a person calls it, and how it signs. */
export const caAlgorithms = {
  'ecdsa-p256': 'ecdsa-p256-sha256',
  'ecdsa-p384': 'ecdsa-p384-sha384',
  ed25519: 'ed25519',
  'rsa-3072': 'rsa-pkcs1-sha256',
  'ml-dsa-44': 'ml-dsa-44',
  'ml-dsa-65': 'ml-dsa-65',
  'ml-dsa-87': 'ml-dsa-87',
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

/** Of a key's type in node:crypto, which names the parameter set as we do. */
export function mlDsaAlgorithmOf(keyType: string | undefined): MlDsaAlgorithm | undefined {
  return mlDsaAlgorithms.find((name) => name === keyType);
}

const mlDsaAlgorithms: readonly MlDsaAlgorithm[] = ['ml-dsa-44', 'ml-dsa-65', 'ml-dsa-87'];

/** Nobody gets such a key without being told. */
export function noteExperimental(algorithm: CaAlgorithm, output: Pick<Output, 'note'>): void {
  if (mlDsaAlgorithmOf(algorithm) === undefined) return;
  output.note(
    `warning: ${algorithm} is experimental: a peer needs OpenSSL 3.5 and TLS 1.3 to believe what it signs (docs/how-to/ml-dsa.md)`,
  );
}
