import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { FakeClock } from '@fleetward/testkit';
import { afterEach, beforeAll, expect, test } from 'vitest';
import type { HttpLimits } from '../../src/http/index.ts';
import { type Listening, listen, makeCertificate, type TestCertificates, testLimits } from './listening.ts';
import { rawBytes } from './raw-request.ts';

let certificates: TestCertificates;
let listening: Listening;

beforeAll(async () => {
  certificates = await makeCertificate();
});

afterEach(() => listening.stop());

async function listenWith(limits: Partial<HttpLimits>): Promise<void> {
  listening = await listen(certificates, {
    clock: new FakeClock(),
    authenticate: async () => ({ kind: 'refused', reason: 'nobody' }),
    handlers: [],
    limits: { ...testLimits, ...limits },
  });
}

async function connected(): Promise<TLSSocket> {
  const socket = connect({ host: 'localhost', port: listening.port, ca: certificates.ca });
  await once(socket, 'secureConnect');
  return socket;
}

test('a connection that has had its requests is told so and gets no more', async () => {
  await listenWith({ requestsPerSocketMax: 2 });
  const socket = await connected();
  const answers: string[] = [];
  for (let count = 0; count < 3; count++) {
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    answers.push(answer.toString());
  }
  socket.destroy();
  expect(answers.map((answer) => answer.slice(9, 12))).toEqual(['404', '404', '503']);
  expect(answers.map((answer) => /connection: close/i.test(answer))).toEqual([false, true, true]);
});

test('one connection more than allowed is not served', async () => {
  await listenWith({ connectionsMax: 1 });
  const first = await connected();
  const second = connect({ host: 'localhost', port: listening.port, ca: certificates.ca });
  second.on('error', () => undefined);
  await new Promise((resolve) => second.once('close', resolve));
  first.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  const [answer] = (await once(first, 'data')) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 404/);
  first.destroy();
});

test('headers that do not arrive in time are answered with 408', async () => {
  await listenWith({ headersTimeoutMs: 100 });
  const said = await rawBytes({ port: listening.port, ca: certificates.ca, send: 'GET / HTTP/1.1\r\nHost:' });
  expect(said).toMatch(/^HTTP\/1\.1 408 [\s\S]*http\.timeout/);
});
