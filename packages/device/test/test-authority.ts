import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import type { Signer } from '@fleetward/core';
import { type Certificate, encodePem, issueCertificate, makeName, parsePublicKey } from '@fleetward/pki';

export const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
const hourMs = 3_600_000;

export function ecKey(): { readonly key: KeyObject; readonly signer: Signer; readonly pem: string } {
  const { privateKey: key, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer: Signer = {
    algorithm: 'ecdsa-p256-sha256',
    publicKey: publicKey.export({ type: 'spki', format: 'der' }),
    sign: async (message) => new Uint8Array(sign('sha256', message, { key, dsaEncoding: 'der' })),
  };
  return { key, signer, pem: key.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

/** A throw-away root that issues a server certificate for localhost, and device certificates. */
export class TestAuthority {
  readonly root: Certificate;
  readonly signer: Signer;

  private constructor(root: Certificate, signer: Signer) {
    this.root = root;
    this.signer = signer;
  }

  static async create(name = 'Test root'): Promise<TestAuthority> {
    const { signer } = ecKey();
    const root = await issueCertificate({
      profile: 'root-ca',
      issuer: 'self',
      subject: makeName([['commonName', name]]),
      publicKey: parsePublicKey(signer.publicKey),
      ...validity(24),
      signer,
      random,
    });
    return new TestAuthority(root, signer);
  }

  get rootPem(): string {
    return encodePem('CERTIFICATE', this.root.der);
  }

  async issueDevice(publicKey: Uint8Array, name: string): Promise<Certificate> {
    return issueCertificate({
      profile: 'device',
      issuer: this.root,
      subject: makeName([['commonName', name]]),
      publicKey: parsePublicKey(publicKey),
      ...validity(1),
      signer: this.signer,
      random,
    });
  }

  async serverCredentials(): Promise<{ readonly cert: string; readonly key: string }> {
    const { signer, pem } = ecKey();
    const certificate = await issueCertificate({
      profile: 'server',
      issuer: this.root,
      subject: makeName([['commonName', 'localhost']]),
      publicKey: parsePublicKey(signer.publicKey),
      subjectAltName: [{ kind: 'dns', value: 'localhost' }],
      ...validity(1),
      signer: this.signer,
      random,
    });
    return { cert: encodePem('CERTIFICATE', certificate.der), key: pem };
  }
}

function validity(hours: number) {
  return { notBeforeMs: Date.now() - hourMs / 2, notAfterMs: Date.now() + hours * hourMs };
}
