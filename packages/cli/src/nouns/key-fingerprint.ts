import { hash } from 'node:crypto';
import type { PublicKey } from '@fleetward/pki';

/** SHA-256 of a public key (SubjectPublicKeyInfo, DER) in hex, as `openssl pkey -pubin -outform DER | sha256sum` gives it. */
export function keyFingerprint({ spki }: PublicKey): string {
  return hash('sha256', spki, 'hex');
}
