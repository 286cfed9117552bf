import { once } from 'node:events';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { listDenials } from '@fleetward/protocol';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { rawRequest } from '../http/raw-request.ts';

let platform: TestPlatform;
let device: TestDevice;
let other: TestDevice;

beforeAll(async () => {
  platform = await startTestPlatform({
    settings: {
      // None of them ends by itself while a busy machine makes the next.
      tlsLimits: {
        anonymousConnectionsMax: 3,
        anonymousConnectionsPerAddressMax: 2,
        anonymousIdleMs: 60_000,
      },
      httpLimits: {
        deviceRequestsPerSecondMax: 5,
        failedAuthenticationsPerMinuteMax: 3,
        headersTimeoutMs: 60_000,
      },
    },
  });
  device = await platform.enrol('pump');
  other = await platform.enrol('valve');
});

afterAll(() => platform.stop());

const simpleEnroll = '/.well-known/est/simpleenroll';
const timestamp = '/tuf/metadata/timestamp.json';

async function open(more: ConnectionOptions = {}, to = platform): Promise<TLSSocket> {
  const port = to.platform.ports.devices;
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: to.rootPem, ...more });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

async function limits(): Promise<readonly string[]> {
  const query = { cause: 'limit', limit: 100 } as const;
  const { denials } = await platform.api.call(listDenials, { query });
  return denials.map(({ explanation }) => explanation);
}

const ask = (options: Omit<Parameters<typeof rawRequest>[0], 'port' | 'ca'>) =>
  rawRequest({ ...options, port: platform.platform.ports.devices, ca: platform.rootPem });

const enrolWith = (headers: Record<string, string>, body: string) =>
  ask({
    method: 'POST',
    path: simpleEnroll,
    headers: { 'content-type': 'application/pkcs10', ...headers },
    body,
  });

const basic = (secret: string) => ({
  authorization: `Basic ${Buffer.from(`device:${secret}`).toString('base64')}`,
});

describe('a connection without a certificate', () => {
  test('is one of few from its address: the newest is cut and recorded, devices are not touched', async () => {
    const first = [await open(), await open()];
    await once((await open()).resume(), 'close');
    expect(await limits()).toContainEqual(
      'devices: too many connections without a certificate (setting `tlsLimits.anonymousConnectionsPerAddressMax`)',
    );
    const known = await open({ key: device.key, cert: device.cert });
    known.write(`GET ${timestamp} HTTP/1.1\r\nHost: a\r\n\r\n`);
    const [answer] = (await once(known, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 404 /);
    for (const socket of [...first, known]) socket.destroy();
    await Promise.all(first.map((socket) => once(socket, 'close')));
  });

  test('ends when it is idle, and that of a device does not', async () => {
    const hasty = await startTestPlatform({ settings: { tlsLimits: { anonymousIdleMs: 200 } } });
    onTestFinished(() => hasty.stop());
    const { key, cert } = await hasty.enrol('fan');
    const known = await open({ key, cert }, hasty);
    await once((await open({}, hasty)).resume(), 'close');
    await once((await open({}, hasty)).resume(), 'close');
    known.write(`GET ${timestamp} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    const [answer] = (await once(known, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 404 /);
  });

  test('that shows no join token is told so before it has sent its request', async () => {
    const socket = await open();
    socket.write(
      `POST ${simpleEnroll} HTTP/1.1\r\nHost: a\r\nContent-Type: application/pkcs10\r\nContent-Length: 9000\r\n\r\n`,
    );
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 401 [\s\S]*www-authenticate: Basic /);
    socket.destroy();
  });

  test('may not send more than a certificate request can have', async () => {
    expect((await enrolWith(basic('any'), 'A'.repeat(32_769))).status).toBe(413);
  });

  test('gets no challenge where only a certificate helps', async () => {
    const answer = await ask({ path: timestamp });
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, undefined]);
  });
});

test('a good join token enrols whatever else fails behind the same address', async () => {
  const told: number[] = [];
  for (let tries = 0; tries < 5; tries++) told.push((await enrolWith(basic('wrong'), 'AAAA')).status);
  expect(told.slice(-2)).toEqual([429, 429]);
  for (let tries = 0; tries < 5; tries++) await ask({ path: timestamp });
  expect((await platform.enrol('motor')).thingName).toBe('motor');
});

test('a device that asks too often is told when to come again, which is recorded; another is served', async () => {
  const { statuses, retryAfter } = await flood({ key: device.key, cert: device.cert });
  expect([statuses.includes(429), retryAfter]).toEqual([true, '1']);
  expect((await ask({ path: timestamp, client: { key: other.key, cert: other.cert } })).status).toBe(404);
  expect(await limits()).toContainEqual(
    'devices: too many requests (setting `httpLimits.deviceRequestsPerSecondMax`)',
  );
});

/** Requests on one connection, as fast as they are answered, until one is refused. */
async function flood(client: { readonly key: string; readonly cert: string }) {
  const socket = await open(client);
  socket.write(`GET ${timestamp} HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(50));
  let said = '';
  for await (const chunk of socket) {
    said += String(chunk);
    if (/retry-after: \d+\r\n/.test(said)) break;
  }
  const statuses = [...said.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));
  return { statuses, retryAfter: /retry-after: (\d+)/.exec(said)?.[1] };
}
