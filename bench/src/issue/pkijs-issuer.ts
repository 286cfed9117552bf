import { randomBytes, webcrypto } from 'node:crypto';
import { Integer } from 'asn1js';
import * as pkijs from 'pkijs';
import { cpuSeconds } from '../cpu-seconds.ts';
import type { Issuer } from './issuer.ts';

const yearMs = 365 * 86_400_000;
const usageBytes = Buffer.from('03020780', 'hex'); // digitalSignature
const clientAuth = '1.3.6.1.5.5.7.3.2';

/** The library alone: checks each CSR, fills in a certificate, signs it with a key of its own process. Nothing is kept. */
export async function pkijsIssuer(): Promise<Issuer> {
  pkijs.setEngine('node', new pkijs.CryptoEngine({ name: 'node', crypto: webcrypto }));
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const { privateKey } = (await webcrypto.subtle.generateKey(algorithm, true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair;
  return {
    name: 'pkijs',
    issue: async (csrs) => {
      for (const csr of csrs) await issueOne(csr, privateKey);
    },
    cpuSeconds: () => cpuSeconds(process.pid),
    stop: async () => undefined,
  };
}

async function issueOne(der: Uint8Array, caKey: webcrypto.CryptoKey): Promise<ArrayBuffer> {
  const csr = pkijs.CertificationRequest.fromBER(Uint8Array.from(der).buffer);
  if (!(await csr.verify())) throw new TypeError('the CSR does not verify');
  const nowMs = Date.now();
  const certificate = new pkijs.Certificate({
    version: 2,
    serialNumber: new Integer({ valueHex: Uint8Array.of(0x41, ...randomBytes(15)).buffer }),
    issuer: csr.subject,
    subject: csr.subject,
    notBefore: new pkijs.Time({ value: new Date(nowMs) }),
    notAfter: new pkijs.Time({ value: new Date(nowMs + yearMs) }),
    subjectPublicKeyInfo: csr.subjectPublicKeyInfo,
    extensions: [
      extension('2.5.29.15', Uint8Array.from(usageBytes).buffer, true),
      extension('2.5.29.37', new pkijs.ExtKeyUsage({ keyPurposes: [clientAuth] }).toSchema().toBER(), false),
    ],
  });
  await certificate.sign(caKey, 'SHA-256');
  return certificate.toSchema(true).toBER();
}

function extension(extnID: string, extnValue: ArrayBuffer, critical: boolean): pkijs.Extension {
  return new pkijs.Extension({ extnID, extnValue, critical });
}
