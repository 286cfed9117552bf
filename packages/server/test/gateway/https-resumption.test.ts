import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { parseCertificatesPem } from '@fleetward/pki';
import { listCas, listDenials, revokeCertificate, setCaState } from '@fleetward/protocol';
import { FakeClock } from '@fleetward/testkit';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import { describe, expect, test } from 'vitest';

const dayMs = 86_400_000;

function open(platform: TestPlatform, device: TestDevice, more: ConnectionOptions = {}): Promise<TLSSocket> {
  const port = platform.platform.ports.devices;
  const to = { port, host: '127.0.0.1', servername: 'localhost', ca: platform.rootPem };
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const socket = connect({ ...to, key: device.key, cert: device.cert, ...more }, () => resolve(socket));
  socket.on('error', reject);
  return promise;
}

/** The status of a GET, or `closed` when the connection ended without an answer. Nothing is published: 404 is service. */
function ask(socket: TLSSocket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('data', (data: Buffer) => resolve(/^HTTP\/1\.1 (\d+)/.exec(data.toString())?.[1] ?? '?'));
    socket.once('close', () => resolve('closed'));
    socket.write('GET /tuf/metadata/timestamp.json HTTP/1.1\r\nHost: a\r\n\r\n');
  });
}

/** A session ticket of an accepted connection, and proof that it does resume while nothing has changed. */
async function ticketOf(platform: TestPlatform, device: TestDevice): Promise<Buffer> {
  const first = await open(platform, device);
  const ticket = new Promise<Buffer>((resolve) => first.once('session', resolve));
  expect(await ask(first)).toBe('404');
  const session = await ticket;
  first.destroy();
  expect(await resume(platform, device, session)).toBe('404');
  return session;
}

async function resume(platform: TestPlatform, device: TestDevice, session: Buffer): Promise<string> {
  const socket = await open(platform, device, { session });
  expect(socket.isSessionReused()).toBe(true);
  const answer = await ask(socket);
  socket.destroy();
  return answer;
}

async function lastDenial(platform: TestPlatform) {
  return (await platform.api.call(listDenials, { query: { limit: 1 } })).denials[0];
}

describe('a TLS session resumed on the devices’ HTTPS listener', () => {
  test('is refused after the certificate was revoked there too', async () => {
    await using platform = await startTestPlatform();
    const device = await platform.enrol('dev1');
    const session = await ticketOf(platform, device);
    const certificateId = parseCertificatesPem(device.cert)[0]!.id;
    await platform.api.call(revokeCertificate, { params: { certificateId }, body: {} });
    expect(await resume(platform, device, session)).toBe('closed');
    expect(await lastDenial(platform)).toMatchObject({ cause: 'certificate_revoked' });
  });

  test('is refused after the certificate expired there too', async () => {
    const clock = new FakeClock(Date.now());
    await using platform = await startTestPlatform({
      clock,
      settings: { certificates: { deviceValidityDays: 1, graceDays: 0 } },
    });
    const device = await platform.enrol('dev1');
    const session = await ticketOf(platform, device);
    clock.advance(dayMs + 60_000);
    expect(await resume(platform, device, session)).toBe('closed');
    expect(await lastDenial(platform)).toMatchObject({ cause: 'certificate_expired' });
  });

  test.each(['issuing', 'root'] as const)(
    'is refused after the %s CA was removed there too',
    async (kind) => {
      await using platform = await startTestPlatform();
      const device = await platform.enrol('dev1');
      const session = await ticketOf(platform, device);
      const { cas } = await platform.api.call(listCas);
      const { certificateId } = cas.find((authority) => authority.kind === kind)!;
      const states = kind === 'issuing' ? (['retired', 'removed'] as const) : (['removed'] as const);
      for (const state of states)
        await platform.api.call(setCaState, { params: { certificateId }, body: { state } });
      expect(await resume(platform, device, session)).toBe('closed');
      expect(await lastDenial(platform)).toMatchObject({ cause: 'certificate_untrusted' });
    },
  );
});
