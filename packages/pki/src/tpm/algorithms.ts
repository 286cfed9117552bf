import { PkiError } from '../errors.ts';

/** TPM_ALG_ID (TPM 2.0 Part 2 §6.3). */
export const tpmAlgorithms = {
  rsa: 0x0001,
  null: 0x0010,
  rsassa: 0x0014,
  rsaes: 0x0015,
  rsapss: 0x0016,
  ecdsa: 0x0018,
  ecdaa: 0x001a,
  ecc: 0x0023,
} as const;

export type TpmHash = 'sha256' | 'sha384' | 'sha512';

const hashes: ReadonlyMap<number, TpmHash> = new Map([
  [0x000b, 'sha256'],
  [0x000c, 'sha384'],
  [0x000d, 'sha512'],
]);

/** Throws for one that is weak or unknown, as SHA-1 is. */
export function tpmHash(algorithm: number, what: string): TpmHash {
  const hash = hashes.get(algorithm);
  if (hash !== undefined) return hash;
  throw new PkiError(
    'pki.tpm',
    `${what} is TPM_ALG_ID 0x${algorithm.toString(16).padStart(4, '0')}; SHA-256, SHA-384 or SHA-512 is needed`,
  );
}
