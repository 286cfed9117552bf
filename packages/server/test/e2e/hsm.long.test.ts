import { renameSync, writeFileSync } from 'node:fs';
import { listCertificates, requestCa, revokeCertificate } from '@fleetward/protocol';
import { needs, openssl, softHsm, temporaryFolder } from '@fleetward/testkit';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import { expect, test } from 'vitest';

/** The leaf by openssl, with the CRL that its certificate names. */
async function verify(platform: TestPlatform, { certFile }: TestDevice): Promise<string> {
  const text = (await openssl(['x509', '-in', certFile, '-noout', '-text'])).toString();
  const url = /URI:(\S+\.crl)/.exec(text)?.[1] ?? '';
  const crl = platform.folder.join('issuing.crl');
  writeFileSync(crl, Buffer.from(await (await fetch(url)).arrayBuffer()));
  const trust = ['-CAfile', platform.rootFile, '-untrusted', certFile, '-CRLfile', crl];
  return (await openssl(['verify', '-crl_check', ...trust, certFile])).toString().trim();
}

needs('softhsm2-util', 'softhsm2').describe('a platform with its CA keys in a token', () => {
  test('devices enrol, openssl accepts them by chain and CRL, also after a restart, and refuses one that is revoked', {
    timeout: 240_000,
  }, async () => {
    using folder = temporaryFolder();
    const { module, tokenLabel, pinFile, packagePath, environment } = await softHsm(folder);
    const pin = { kind: 'file', path: pinFile };
    const hsm = {
      kind: 'pkcs11',
      module,
      tokenLabel,
      pin,
      package: packagePath,
      environment: ['SOFTHSM2_CONF'],
    };
    await using platform = await startTestPlatform({
      environment: { ...process.env, ...environment },
      settings: { hsm },
      init: { caKeyStore: 'hsm', caAlgorithm: 'ecdsa-p384-sha384' },
    });
    const lamp = await platform.enrol('lamp');
    expect(await verify(platform, lamp)).toMatch(/: OK$/);
    await platform.restart();
    // The port of the CRL's address is another after a restart: only a new certificate names it.
    const pump = await platform.enrol('pump');
    expect(await verify(platform, pump)).toMatch(/: OK$/);
    const { certificates } = await platform.api.call(listCertificates, { query: {} });
    const { certificateId } = certificates.find(({ subject }) => subject.includes('pump'))!;
    await platform.api.call(revokeCertificate, { params: { certificateId }, body: { wait: true } });
    await expect(verify(platform, pump)).rejects.toThrow('certificate revoked');
    renameSync(folder.join('tokens'), folder.join('pulled-out'));
    await expect(platform.enrol('lantern')).rejects.toThrow(/answered 503:.*keys\.hsm/);
    renameSync(folder.join('pulled-out'), folder.join('tokens'));
    const request = await platform.api.call(requestCa, { body: { algorithm: 'rsa-3072', store: 'hsm' } });
    writeFileSync(platform.folder.join('2.csr'), request.pem);
    const asked = ['req', '-in', platform.folder.join('2.csr'), '-verify', '-noout', '-text'];
    expect((await openssl(asked)).toString()).toContain('(3072 bit)');
  });
});
