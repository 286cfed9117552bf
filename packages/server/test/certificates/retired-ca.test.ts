import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { localSigner } from '@fleetward/keys';
import { encodePem, issueCertificate, makeName, parseCertificate, parsePublicKey } from '@fleetward/pki';
import { needs, openssl, seededRandom, temporaryFolder } from '@fleetward/testkit';
import { describe, expect, test } from 'vitest';
import { issueDevice, openPlatform, type Platform, trailOf } from './test-platform.ts';

const operator = { kind: 'operator', operatorId: 'ada' } as const;
const dayMs = 86_400_000;

/** Makes the next issuing CA: its key by the platform, its certificate by the root, which takes part nowhere else. */
async function rotate(platform: Platform) {
  const wanted = { algorithm: 'ecdsa-p256-sha256', store: 'file' } as const;
  const { csr } = await platform.certificates.requestCa(wanted, operator);
  const [root] = platform.certificates.trust().roots;
  const nowMs = Math.floor(platform.clock.now() / 1000) * 1000;
  const certificate = await issueCertificate({
    profile: 'issuing-ca',
    issuer: root!,
    subject: csr.subject,
    publicKey: csr.publicKey,
    signer: platform.keys.root,
    random: { bytes: (length) => new Uint8Array(Buffer.alloc(length, 7)) },
    notBeforeMs: nowMs,
    notAfterMs: nowMs + 900 * dayMs,
  });
  return { certificate, added: await platform.certificates.importCas([certificate], operator) };
}

needs('openssl', 'openssl').describe('a CA that is retired', () => {
  test('goes on signing its CRL, which openssl takes, before and after a restart; each CA has its own', async () => {
    using folder = temporaryFolder();
    let platform = await openPlatform({ folder: folder.path });
    const old = platform.certificates.activeIssuer()!;
    const device = (await issueDevice(platform, 'old')).certificate;
    const { added } = await rotate(platform);
    expect(added.map(({ kind, keyName }) => [kind, keyName])).toEqual([['issuing', 'issuing-ca-2']]);
    await platform.certificates.setAuthorityState(
      { certificateId: old.certificateId, state: 'retired' },
      operator,
    );
    const other = (await issueDevice(platform, 'new')).certificate;
    expect(other.issuer.text).toBe('CN=Fleetward Issuing CA 2');
    const first = await platform.certificates.revoke(
      { certificateId: device.id, reason: 'superseded' },
      operator,
    );
    expect(first.kind === 'revoked' && (await first.crl).kind).toBe('signed');

    const { keys, clock } = platform;
    await platform.close();
    clock.advance(2 * dayMs);
    platform = await openPlatform({ folder: folder.path, keys, clock });
    writeFileSync(folder.join('chain.pem'), pemOf(platform, old.certificateId));
    for (const leaf of [device, other])
      writeFileSync(folder.join(`${leaf.id}.pem`), encodePem('CERTIFICATE', leaf.der));
    const crlFile = folder.join('old.crl');
    writeFileSync(crlFile, encodePem('X509 CRL', platform.certificates.crl(old.certificateId)!.der));
    const at = String(Math.floor(clock.now() / 1000));
    const trust = ['-attime', at, '-CAfile', folder.join('chain.pem'), '-CRLfile', crlFile];
    const verify = (id: string) => openssl(['verify', '-crl_check', ...trust, folder.join(`${id}.pem`)]);
    await expect(verify(device.id)).rejects.toThrow('certificate revoked');
    // The other one's CRL says nothing of this CA.
    await expect(verify(other.id)).rejects.toThrow();
    await platform.close();
  });
});

describe('an issuing CA under a root that nobody knows yet', () => {
  test('is taken only with the cross-certificate of that root, or with a reason, which the trail keeps', async () => {
    using folder = temporaryFolder();
    const platform = await openPlatform({ folder: folder.path });
    const { certificates, clock } = platform;
    const { csr } = await certificates.requestCa({ algorithm: 'ecdsa-p256-sha256', store: 'file' }, operator);
    const signer = localSigner(
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
      'ecdsa-p256-sha256',
    );
    const content = {
      random: seededRandom(3),
      notBeforeMs: clock.now(),
      notAfterMs: clock.now() + 900 * dayMs,
    };
    const named = {
      subject: makeName([['commonName', 'Root 2']]),
      publicKey: parsePublicKey(signer.publicKey),
    };
    const root = await issueCertificate({ ...content, ...named, profile: 'root-ca', issuer: 'self', signer });
    const [old] = certificates.trust().roots;
    const cross = await issueCertificate({
      ...content,
      ...named,
      profile: 'cross-ca',
      issuer: old!,
      signer: platform.keys.root,
    });
    const { subject, publicKey } = csr;
    const issuing = { profile: 'issuing-ca', issuer: root, subject, publicKey, signer } as const;
    const ca = await issueCertificate({ ...content, ...issuing });
    const kinds = async (...[files, why]: [Parameters<typeof certificates.importCas>[0], string?]) => {
      const options = why === undefined ? {} : { rootsLostFor: why };
      return (await certificates.importCas(files, operator, options)).map(({ kind }) => kind);
    };
    await expect(kinds([root, ca])).rejects.toMatchObject({ code: 'certificates.ca_refused' });
    expect(await kinds([root]), 'the root alone hurts nobody').toEqual(['root']);
    await expect(kinds([ca])).rejects.toMatchObject({ code: 'certificates.ca_refused' });
    expect(await kinds([ca], 'no device is out there')).toEqual(['issuing']);
    expect((await trailOf(platform.trail)).at(-1)?.payload).toMatchObject({
      rootsLostFor: 'no device is out there',
    });
    expect(await kinds([cross]), 'it can be mended').toEqual(['cross']);
    await platform.close();
  });
});

describe('another issuing CA', () => {
  test('is one key however often it is asked for, and every step is in the trail', async () => {
    using folder = temporaryFolder();
    const platform = await openPlatform({ folder: folder.path });
    const { certificate } = await rotate(platform);
    const kinds = (await trailOf(platform.trail)).map(({ kind }) => kind);
    expect(kinds).toEqual(['ca.requested', 'ca.created']);
    expect(await platform.certificates.importCas([certificate], operator)).toEqual([]);
    const wanted = { algorithm: 'ecdsa-p384-sha384', store: 'file' } as const;
    const [one, two] = await Promise.all([
      platform.certificates.requestCa(wanted, operator),
      platform.certificates.requestCa(wanted, operator),
    ]);
    expect([one.keyName, two.keyName]).toEqual(['issuing-ca-3', 'issuing-ca-3']);
    await platform.close();
  });
});

function pemOf(platform: Platform, issuerId: string): string {
  const { roots } = platform.certificates.trust();
  const issuer = platform.certificates.authorities().find(({ certificateId }) => certificateId === issuerId)!;
  return [roots[0]!.der, parseCertificate(issuer.der).der]
    .map((der) => encodePem('CERTIFICATE', der))
    .join('');
}
