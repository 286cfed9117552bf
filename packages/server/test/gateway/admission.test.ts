import { readFileSync, writeFileSync } from 'node:fs';
import { listCas, revokeCertificate, setCaState } from '@fleetward/protocol';
import { FakeClock, openssl } from '@fleetward/testkit';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allowAll, causes, connectMqtt, ended, idOf, tlsOf } from './raw-peers.ts';

const dayMs = 86_400_000;

describe('who may speak on the MQTT listener', () => {
  let platform: TestPlatform;
  let device: TestDevice;
  beforeAll(async () => {
    platform = await startTestPlatform();
    await allowAll(platform);
    device = await platform.enrol('dev1', { policies: ['all'] });
  });
  afterAll(() => platform.stop());

  test('a device with its certificate connects, over TLS 1.3 and 1.2', async () => {
    for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
      const socket = await platform.connectTls({ ...tlsOf(device), maxVersion });
      expect(socket.getProtocol()).toBe(maxVersion);
      expect(await connectMqtt(socket, 'dev1')).toBe(0);
      socket.destroy();
    }
  });

  test('the hybrid post-quantum key exchange is what a client that knows it gets', async () => {
    const socket = await platform.connectTls({ ...tlsOf(device), ecdhCurve: 'X25519MLKEM768' });
    expect(await connectMqtt(socket, 'dev1')).toBe(0);
    socket.destroy();
  });

  test('without a certificate: cut before the first byte, and the operator is told', async () => {
    await ended(await platform.connectTls());
    expect((await causes(platform))[0]).toMatchObject({ cause: 'tls_no_certificate' });
  });

  test.each(['self-signed', 'of another CA'])(
    'a certificate that is %s: cut, and the operator is told',
    async (kind) => {
      const key = platform.folder.join(`${kind}.key`);
      await openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', key]);
      const cert = platform.folder.join(`${kind}.pem`);
      if (kind === 'self-signed') {
        await openssl(['req', '-x509', '-new', '-key', key, '-subj', '/CN=dev1', '-days', '5', '-out', cert]);
      } else {
        const caKey = platform.folder.join('other-ca.key');
        const caCert = platform.folder.join('other-ca.pem');
        await openssl(['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', caKey]);
        await openssl([
          'req',
          '-x509',
          '-new',
          '-key',
          caKey,
          '-subj',
          '/CN=Other CA',
          '-days',
          '5',
          '-out',
          caCert,
        ]);
        const csr = await openssl(['req', '-new', '-key', key, '-subj', '/CN=dev1']);
        const extensions = platform.folder.join('client.cnf');
        writeFileSync(extensions, 'extendedKeyUsage=clientAuth\nauthorityKeyIdentifier=keyid\n');
        await openssl(
          [
            'x509',
            '-req',
            '-CA',
            caCert,
            '-CAkey',
            caKey,
            '-days',
            '5',
            '-extfile',
            extensions,
            '-out',
            cert,
          ],
          { input: csr },
        );
      }
      await ended(await platform.connectTls({ key: readFileSync(key), cert: readFileSync(cert) }));
      const [denial] = await causes(platform);
      expect(denial).toMatchObject({ cause: 'certificate_untrusted' });
      expect(denial?.explanation).toMatch(/RFC 5280/);
    },
  );

  test('TLS 1.1: refused in the handshake, and the operator is told the version is why', async () => {
    const old = {
      ...tlsOf(device),
      minVersion: 'TLSv1.1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    } as const;
    await expect(platform.connectTls(old)).rejects.toThrow();
    await expect.poll(async () => (await causes(platform))[0]?.cause).toBe('tls_version');
  });

  test('a cipher without forward secrecy and AEAD finds no partner', async () => {
    const weak = { ...tlsOf(device), maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' } as const;
    await expect(platform.connectTls(weak)).rejects.toThrow();
  });
});

describe('a resumed TLS session', () => {
  /** A session ticket of an accepted connection, and proof that it does resume while nothing has changed. */
  async function ticketOf(platform: TestPlatform, device: TestDevice): Promise<Buffer> {
    const first = await platform.connectTls(tlsOf(device));
    const ticket = new Promise<Buffer>((resolve) => first.once('session', resolve));
    expect(await connectMqtt(first, device.thingName)).toBe(0);
    const session = await ticket;
    first.destroy();
    const second = await platform.connectTls({ ...tlsOf(device), session });
    expect(second.isSessionReused()).toBe(true);
    expect(await connectMqtt(second, device.thingName)).toBe(0);
    second.destroy();
    return session;
  }

  async function resume(
    platform: TestPlatform,
    device: TestDevice,
    session: Buffer,
  ): Promise<number | 'closed'> {
    const socket = await platform.connectTls({ ...tlsOf(device), session });
    expect(socket.isSessionReused()).toBe(true);
    return connectMqtt(socket, device.thingName);
  }

  test('is refused after the certificate was revoked', async () => {
    await using platform = await startTestPlatform();
    await allowAll(platform);
    const device = await platform.enrol('dev1', { policies: ['all'] });
    const session = await ticketOf(platform, device);
    await platform.api.call(revokeCertificate, { params: { certificateId: idOf(device) }, body: {} });
    expect(await resume(platform, device, session)).toBe('closed');
    expect((await causes(platform))[0]).toMatchObject({ cause: 'certificate_revoked' });
  });

  test('is refused after the certificate expired', async () => {
    const clock = new FakeClock(Date.now());
    await using platform = await startTestPlatform({
      clock,
      settings: { certificates: { deviceValidityDays: 1 } },
    });
    await allowAll(platform);
    const device = await platform.enrol('dev1', { policies: ['all'] });
    const session = await ticketOf(platform, device);
    clock.advance(dayMs + 60_000);
    expect(await resume(platform, device, session)).toBe('closed');
    expect((await causes(platform))[0]).toMatchObject({ cause: 'certificate_expired' });
  });

  test.each(['issuing', 'root'] as const)(
    'is refused after the %s CA was removed, and live connections are cut',
    async (kind) => {
      await using platform = await startTestPlatform();
      await allowAll(platform);
      const device = await platform.enrol('dev1', { policies: ['all'] });
      const session = await ticketOf(platform, device);
      const live = await platform.connectTls(tlsOf(device));
      expect(await connectMqtt(live, 'dev1')).toBe(0);
      const cut = ended(live);
      const { cas } = await platform.api.call(listCas);
      const { certificateId } = cas.find((authority) => authority.kind === kind)!;
      if (kind === 'issuing') {
        await platform.api.call(setCaState, { params: { certificateId }, body: { state: 'retired' } });
      }
      await platform.api.call(setCaState, { params: { certificateId }, body: { state: 'removed' } });
      await cut;
      expect(await resume(platform, device, session)).toBe('closed');
      expect((await causes(platform))[0]).toMatchObject({
        cause: 'certificate_untrusted',
        explanation: expect.stringContaining(kind === 'issuing' ? 'an operator removed the CA' : 'RFC 5280'),
      });
    },
  );
});

test('without an active issuing CA the platform still starts, so that its operator can get in', async () => {
  await using platform = await startTestPlatform();
  const { cas } = await platform.api.call(listCas);
  const { certificateId } = cas.find(({ kind }) => kind === 'issuing')!;
  for (const state of ['retired', 'removed'] as const) {
    await platform.api.call(setCaState, { params: { certificateId }, body: { state } });
    await platform.restart();
    const after = await platform.api.call(listCas);
    expect(after.cas.find(({ kind }) => kind === 'issuing')?.state).toBe(state);
  }
});

describe('live connections', () => {
  test('end when their certificate expires', async () => {
    const clock = new FakeClock(Date.now());
    await using platform = await startTestPlatform({
      clock,
      settings: { certificates: { deviceValidityDays: 1 } },
    });
    await allowAll(platform);
    const device = await platform.enrol('dev1', { policies: ['all'] });
    const socket = await platform.connectTls(tlsOf(device));
    expect(await connectMqtt(socket, 'dev1')).toBe(0);
    const end = ended(socket);
    clock.advance(dayMs + 60_000);
    await end;
  });

  test('of one certificate are limited, and the newest is refused', async () => {
    await using platform = await startTestPlatform({
      settings: { tlsLimits: { connectionsPerCertificateMax: 2 } },
    });
    const device = await platform.enrol('dev1');
    const kept = [await platform.connectTls(tlsOf(device)), await platform.connectTls(tlsOf(device))];
    await ended(await platform.connectTls(tlsOf(device)));
    expect((await causes(platform))[0]).toMatchObject({ cause: 'limit' });
    expect(kept.every((socket) => !socket.destroyed)).toBe(true);
    for (const socket of kept) socket.destroy();
  });
});
