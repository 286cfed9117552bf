import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import type { Random, Signer, SignerAlgorithm } from '@fleetward/core';
import {
  type Certificate,
  type IssueRequest,
  issueCertificate,
  makeName,
  type PublicKey,
  parsePublicKey,
} from '../src/index.ts';

export const dayMs = 86_400_000;
export const nowMs = Date.UTC(2030, 5, 1);
export const random: Random = { bytes: (length) => new Uint8Array(randomBytes(length)) };

export interface TestKey extends Signer {
  readonly privateKey: KeyObject;
  readonly parsed: PublicKey;
}

/** A signer over a key of this process. */
export function newKey(algorithm: SignerAlgorithm = 'ecdsa-p256-sha256'): TestKey {
  const { publicKey, privateKey } = keyPair(algorithm);
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  const hash = hashOf(algorithm);
  return {
    algorithm,
    publicKey: spki,
    parsed: parsePublicKey(spki),
    privateKey,
    sign: async (message) => new Uint8Array(sign(hash, message, privateKey)),
  };
}

function hashOf(algorithm: SignerAlgorithm): 'sha256' | 'sha384' | null {
  if (algorithm === 'ed25519' || algorithm.startsWith('ml-dsa')) return null;
  return algorithm.endsWith('384') ? 'sha384' : 'sha256';
}

function keyPair(algorithm: SignerAlgorithm): { publicKey: KeyObject; privateKey: KeyObject } {
  if (algorithm === 'ed25519') return generateKeyPairSync('ed25519');
  if (algorithm === 'ml-dsa-44' || algorithm === 'ml-dsa-65' || algorithm === 'ml-dsa-87')
    return generateKeyPairSync(algorithm);
  if (algorithm === 'ecdsa-p256-sha256') return generateKeyPairSync('ec', { namedCurve: 'P-256' });
  if (algorithm === 'ecdsa-p384-sha384') return generateKeyPairSync('ec', { namedCurve: 'P-384' });
  return generateKeyPairSync('rsa', { modulusLength: 2048 });
}

export interface TestCa {
  readonly rootKey: TestKey;
  readonly root: Certificate;
  readonly issuingKey: TestKey;
  readonly issuing: Certificate;
}

/** A root and an issuing CA, ten years from a year before `nowMs`. */
export async function newCa(algorithm: SignerAlgorithm = 'ecdsa-p256-sha256'): Promise<TestCa> {
  const rootKey = newKey(algorithm);
  const issuingKey = newKey(algorithm);
  const validity = { notBeforeMs: nowMs - 365 * dayMs, notAfterMs: nowMs + 3650 * dayMs };
  const root = await issueCertificate({
    ...validity,
    profile: 'root-ca',
    issuer: 'self',
    subject: makeName([
      ['organization', 'Test'],
      ['commonName', 'Test Root'],
    ]),
    publicKey: rootKey.parsed,
    signer: rootKey,
    random,
  });
  const issuing = await issueCertificate({
    ...validity,
    profile: 'issuing-ca',
    issuer: root,
    subject: makeName([
      ['organization', 'Test'],
      ['commonName', 'Test Issuing'],
    ]),
    publicKey: issuingKey.parsed,
    signer: rootKey,
    random,
  });
  return { rootKey, root, issuingKey, issuing };
}

/** A device request under the issuing CA; override one field a test. */
export function deviceRequest(ca: TestCa, overrides: Partial<IssueRequest> = {}): IssueRequest {
  return {
    profile: 'device',
    issuer: ca.issuing,
    subject: makeName([['commonName', 'my_iot_device']]),
    publicKey: newKey().parsed,
    notBeforeMs: nowMs - dayMs,
    notAfterMs: nowMs + 365 * dayMs,
    signer: ca.issuingKey,
    random,
    ...overrides,
  };
}

export function issueDevice(ca: TestCa, overrides: Partial<IssueRequest> = {}): Promise<Certificate> {
  return issueCertificate(deviceRequest(ca, overrides));
}
