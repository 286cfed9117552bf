import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { parseCsr } from '@fleetward/pki';
import { cpuSeconds } from '../cpu-seconds.ts';
import type { Issuer } from './issuer.ts';

/** About what a device certificate has to be signed over. */
const signedBytes = 420;

/**
 * What the runtime's cryptography costs whoever issues: load the CSR's key, verify the CSR, sign as many bytes as a certificate has,
 * verify that. On one thread and with the cheapest calls; nothing is built, looked at or kept. Nobody who does these four can be faster.
 */
export async function nodeCryptoIssuer(): Promise<Issuer> {
  const ca = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const message = Buffer.alloc(signedBytes, 1);
  const issueOne = (der: Uint8Array): void => {
    const { publicKey, tbs, signature } = parseCsr(der);
    const key = createPublicKey(pemOf(publicKey.spki));
    if (!verify('sha256', tbs, key, signature)) throw new TypeError('the CSR does not verify');
    const issued = sign('sha256', message, ca.privateKey);
    if (!verify('sha256', message, ca.publicKey, issued))
      throw new TypeError('the signature does not verify');
  };
  return {
    name: 'node:crypto',
    issue: async (csrs) => csrs.forEach(issueOne),
    cpuSeconds: () => cpuSeconds(process.pid),
    stop: async () => undefined,
  };
}

/** Faster to load than DER (Node 24). */
function pemOf(spki: Uint8Array): string {
  return `-----BEGIN PUBLIC KEY-----\n${Buffer.from(spki).toString('base64')}\n-----END PUBLIC KEY-----\n`;
}
