import { writeFileSync } from 'node:fs';
import { parseCertificateId } from '@fleetward/core';
import { parseCertificatesPem } from '@fleetward/pki';
import { revokeCertificate } from '@fleetward/protocol';
import { needs, openssl, requireProgram, runProgram } from '@fleetward/testkit';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import { expect, test } from 'vitest';

/** Where to ask, as openssl reads it in the certificate. */
async function ocspUrlOf({ certFile }: TestDevice): Promise<string> {
  const url = (await openssl(['x509', '-in', certFile, '-noout', '-ocsp_uri'])).toString().trim();
  expect(url).toMatch(/^http:\/\/localhost:\d+\/ocsp$/);
  return url;
}

/** What the CA's answer is to `openssl ocsp`, after it was verified. */
async function ask(platform: TestPlatform, device: TestDevice, url: string): Promise<string> {
  const issuer = platform.folder.join('issuer.pem');
  const [, chain = ''] = device.cert.split(/(?<=-----END CERTIFICATE-----\n)/);
  writeFileSync(issuer, chain);
  const program = requireProgram('openssl', 'openssl');
  const args = [
    'ocsp',
    '-issuer',
    issuer,
    '-cert',
    device.certFile,
    '-url',
    url,
    '-CAfile',
    platform.rootFile,
  ];
  const said = await runProgram(program, args);
  expect(said).toMatchObject({ code: 0, stderr: expect.stringContaining('Response verify OK') });
  return said.stdout.toString();
}

needs('openssl', 'openssl').describe('OCSP', () => {
  test('openssl follows a certificate to the answer: good, and revoked from the moment of its revocation', async () => {
    await using platform = await startTestPlatform();
    const [device, other] = [await platform.enrol('dev1'), await platform.enrol('dev2')];
    const url = await ocspUrlOf(device);
    expect(await ask(platform, device, url)).toMatch(/: good/);
    const [leaf] = parseCertificatesPem(device.cert);
    await platform.api.call(revokeCertificate, {
      params: { certificateId: parseCertificateId(leaf?.id) },
      body: { reason: 'keyCompromise' },
    });
    const after = await ask(platform, device, url);
    expect(after).toMatch(/: revoked/);
    expect(after).toMatch(/Reason: keyCompromise/);
    expect(await ask(platform, other, url)).toMatch(/: good/);
  });

  test('each of our listeners with TLS staples the answer about its own certificate, to whoever asks', async () => {
    await using platform = await startTestPlatform();
    const { mqtt, devices, operators } = platform.platform.ports;
    for (const port of [mqtt, devices, operators]) {
      expect(await handshake(platform, port, '-status')).toMatch(
        /OCSP Response Status: successful.*Cert Status: good/s,
      );
      expect(await handshake(platform, port)).not.toMatch(/OCSP Response Status/);
    }
  });
});

async function handshake(platform: TestPlatform, port: number, ...more: readonly string[]): Promise<string> {
  const args = ['s_client', '-connect', `localhost:${port}`, '-CAfile', platform.rootFile, ...more];
  const said = await runProgram(requireProgram('openssl', 'openssl'), args);
  const text = said.stdout.toString();
  expect(text).toMatch(/Verify return code: 0 \(ok\)/);
  return text;
}
