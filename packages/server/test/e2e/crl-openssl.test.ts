import { writeFileSync } from 'node:fs';
import { parseCertificateId } from '@fleetward/core';
import { parseCertificatesPem } from '@fleetward/pki';
import { revokeCertificate } from '@fleetward/protocol';
import { needs, openssl, requireProgram, runProgram } from '@fleetward/testkit';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import { expect, test } from 'vitest';

/** The address of the CRL, as openssl reads it in the certificate. */
async function crlUrlOf({ certFile }: TestDevice): Promise<string> {
  const text = await openssl(['x509', '-in', certFile, '-noout', '-ext', 'crlDistributionPoints']);
  const url = /URI:(\S+)/.exec(text.toString())?.[1];
  expect(url).toMatch(/^http:\/\/localhost:\d+\/crl\/[0-9a-f]{64}\.crl$/);
  return url ?? '';
}

/** Fetches the CRL as anybody can; resolves to its file in PEM and to what openssl says of it. */
async function fetchCrl(platform: TestPlatform, device: TestDevice) {
  const answer = await fetch(await crlUrlOf(device));
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/pkix-crl']);
  const [der, pem] = [platform.folder.join('crl.der'), platform.folder.join('crl.pem')];
  writeFileSync(der, Buffer.from(await answer.arrayBuffer()));
  await openssl(['crl', '-inform', 'DER', '-in', der, '-out', pem]);
  const trust = platform.folder.join('trust.pem');
  writeFileSync(trust, `${platform.rootPem}${device.cert}`);
  const program = requireProgram('openssl', 'openssl');
  const said = await runProgram(program, ['crl', '-in', pem, '-CAfile', trust, '-noout', '-text']);
  expect(said).toMatchObject({ code: 0, stderr: expect.stringContaining('verify OK') });
  return { pem, text: said.stdout.toString() };
}

/** `openssl verify` with the CRL of the leaf's issuer. */
function verify(platform: TestPlatform, device: TestDevice, crlFile: string): Promise<Buffer> {
  const trust = ['-CAfile', platform.rootFile, '-untrusted', device.certFile];
  return openssl(['verify', '-crl_check', ...trust, '-CRLfile', crlFile, device.certFile]);
}

function crlNumber(text: string): bigint {
  return BigInt(/X509v3 CRL Number:\s*(?:critical)?\s*(\w+)/.exec(text)?.[1] ?? -1);
}

needs('openssl', 'openssl').describe('the CRL', () => {
  test('is kept by caches for five minutes, and sent again only when it is another', async () => {
    await using platform = await startTestPlatform();
    const device = await platform.enrol('cached');
    const url = await crlUrlOf(device);
    const first = await fetch(url);
    const etag = first.headers.get('etag') ?? '';
    const said = ['cache-control', 'last-modified'].map((name) => first.headers.get(name));
    expect(said).toEqual(['public, max-age=300', expect.stringMatching(/ GMT$/)]);
    const again = () => fetch(url, { headers: { 'if-none-match': etag } });
    const same = await again();
    expect([same.status, same.headers.get('etag'), await same.text()]).toEqual([304, etag, '']);
    const certificateId = parseCertificateId(parseCertificatesPem(device.cert)[0]?.id);
    const body = { reason: 'superseded', wait: true } as const;
    await platform.api.call(revokeCertificate, { params: { certificateId }, body });
    const other = await again();
    expect([other.status, other.headers.get('etag') === etag]).toEqual([200, false]);
  });

  test('openssl follows a certificate to its CRL, accepts it by it, and refuses it after its revocation', async () => {
    await using platform = await startTestPlatform();
    const [device, other] = [await platform.enrol('dev1'), await platform.enrol('dev2')];
    const before = await fetchCrl(platform, device);
    expect(before.text).toContain('No Revoked Certificates');
    expect((await verify(platform, device, before.pem)).toString()).toContain('OK');

    const [leaf] = parseCertificatesPem(device.cert);
    const certificateId = parseCertificateId(leaf?.id);
    await platform.api.call(revokeCertificate, {
      params: { certificateId },
      body: { reason: 'keyCompromise', wait: true },
    });
    const after = await fetchCrl(platform, device);
    expect(after.text).toMatch(new RegExp(`Serial Number: 0*${leaf?.serial}`, 'i'));
    expect(after.text).toContain('Key Compromise');
    expect(crlNumber(after.text)).toBeGreaterThan(crlNumber(before.text));
    await expect(verify(platform, device, after.pem)).rejects.toThrow('certificate revoked');
    expect((await verify(platform, other, after.pem)).toString()).toContain('OK');
  });
});
