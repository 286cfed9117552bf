import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Certificate, encodePem, parseCrl } from '@fleetward/pki';
import { openssl } from '@fleetward/testkit';

/** What anybody sees of a revocation over HTTP; devices are numbered as `leaves`. Both throw when it is not to be seen. */
export interface Outside {
  assertOcspRevoked(device: number): Promise<void>;
  assertOnCrl(device: number): Promise<void>;
}

interface OutsideOptions {
  readonly folder: string;
  readonly publicPort: number;
  readonly issuer: Certificate;
  readonly leaves: readonly Certificate[];
}

/** `[0] EXPLICIT CRLReason keyCompromise` of a RevokedInfo (RFC 6960 §4.2.1). */
const keyCompromised = Buffer.from('a0030a0101', 'hex');

/** Has openssl make the OCSP requests beforehand. */
export async function openOutside(options: OutsideOptions): Promise<Outside> {
  const { publicPort, issuer, leaves } = options;
  const requests: Buffer[] = [];
  for (const device of leaves.keys()) requests.push(await ocspRequest(device, options));
  const base = `http://127.0.0.1:${publicPort}`;
  return {
    assertOcspRevoked: async (device) => {
      const headers = { 'content-type': 'application/ocsp-request' };
      const body = new Uint8Array(requests[device]!);
      const answer = await bytesOf(await ask(`${base}/ocsp`, { method: 'POST', headers, body }));
      if (!answer.includes(keyCompromised)) throw new Error(`OCSP does not call device ${device} revoked`);
    },
    assertOnCrl: async (device) => {
      const crl = parseCrl(await bytesOf(await ask(`${base}/crl/${issuer.id}.crl`)));
      if (!crl.revoked.has(leaves[device]!.serial)) throw new Error(`device ${device} is not on the CRL`);
    },
  };
}

async function ocspRequest(device: number, { folder, issuer, leaves }: OutsideOptions): Promise<Buffer> {
  const file = (name: string): string => join(folder, `${name}-${device}`);
  writeFileSync(file('issuer'), encodePem('CERTIFICATE', issuer.der));
  writeFileSync(file('leaf'), encodePem('CERTIFICATE', leaves[device]!.der));
  const about = ['-issuer', file('issuer'), '-cert', file('leaf')];
  await openssl(['ocsp', ...about, '-no_nonce', '-reqout', file('request')]);
  return readFileSync(file('request'));
}

/** Once more when the listener closed a kept connection just as the request went out. */
function ask(...request: Parameters<typeof fetch>): Promise<Response> {
  return fetch(...request).catch((error: unknown) => {
    if (error instanceof TypeError) return fetch(...request);
    throw error;
  });
}

async function bytesOf(answer: Response): Promise<Buffer> {
  if (!answer.ok) throw new Error(`the public listener answered ${answer.status}`);
  return Buffer.from(await answer.arrayBuffer());
}
