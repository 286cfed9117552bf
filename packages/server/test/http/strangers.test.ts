import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { defineRoute } from '@fleetward/protocol';
import { FakeClock, seededRandom } from '@fleetward/testkit';
import { Type } from 'typebox';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createHttpApp, type HttpAppOptions, type HttpLimits, type RawRoute } from '../../src/http/index.ts';
import { OperatorError } from '../../src/operators/errors.ts';
import { handle } from '../../src/route-handler.ts';
import { type Listening, listen, makeCertificate, type TestCertificates, testLimits } from './listening.ts';
import { json, rawRequest } from './raw-request.ts';

const save = defineRoute({
  method: 'POST',
  path: '/v1/notes',
  noun: 'notes',
  summary: 'For the test',
  access: 'operator',
  body: Type.Object({ text: Type.String() }),
});
const setUp = defineRoute({ ...save, path: '/v1/setup', access: 'public' });
const enroll: RawRoute = {
  method: 'POST',
  path: '/enroll',
  mediaTypes: ['application/pkcs10'],
  bodyBytesMax: 100,
  refuse: ({ headers }) => (headers.authorization === undefined ? unauthorized : undefined),
  handle: async ({ headers }) =>
    headers.authorization === 'Basic right'
      ? { status: 200, headers: {}, body: Buffer.from('welcome') }
      : unauthorized,
};
const unauthorized = {
  status: 401,
  headers: { 'www-authenticate': 'Basic realm="est"' },
  body: Buffer.from('who are you?'),
};

let certificates: TestCertificates;
let stops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  certificates = await makeCertificate();
});

afterEach(async () => {
  for (const stop of stops) await stop();
  stops = [];
});

async function listenWith(
  limits: Partial<HttpLimits> = {},
  more: Partial<HttpAppOptions> = {},
): Promise<Listening> {
  const listening = await listen(certificates, {
    clock: new FakeClock(),
    authenticate: async () => ({ kind: 'refused', reason: 'nobody' }),
    handlers: [
      handle(save, async () => undefined),
      handle(setUp, async ({ body }) => {
        if (body.text !== 'right') throw new OperatorError('operators.setup_refused', 'no');
        return undefined;
      }),
    ],
    rawRoutes: [enroll],
    limits: { ...testLimits, ...limits },
    ...more,
  });
  stops.push(() => listening.stop());
  return listening;
}

const head = (method: string, path: string, type: string) =>
  `${method} ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nContent-Length: 4000\r\n\r\n`;

const unfinished = [
  ['404', 'an unknown path', head('POST', '/nothing', 'application/json')],
  ['405', 'an unknown method', head('PUT', '/v1/notes', 'application/json')],
  ['401', 'no token', head('POST', '/v1/notes', 'application/json')],
  ['401', 'no password', head('POST', '/enroll', 'application/pkcs10')],
  [
    '413',
    'a body too large',
    head('POST', '/enroll', 'application/pkcs10').replace('Host', 'Authorization: Basic right\r\nHost'),
  ],
] as const;

describe('a request that is refused by its head', () => {
  test.each(unfinished)('is answered %s for %s before its body arrives', async (status, _, send) => {
    const socket = connect({ host: 'localhost', port: (await listenWith()).port, ca: certificates.ca });
    socket.write(send);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    expect(answer.toString()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });

  test.each(unfinished)(
    'and answered %s for %s is not read for long, though it trickles on',
    async (status, _, send) => {
      const { port } = await listenWith({ lingerMs: 50 });
      const socket = connect({ host: 'localhost', port, ca: certificates.ca });
      socket.on('error', () => undefined);
      const said: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => said.push(chunk));
      socket.write(send);
      const trickle = setInterval(() => socket.write(' '), 10);
      // Not `once`, which a write after the end would reject.
      await new Promise((resolve) => socket.once('close', resolve));
      clearInterval(trickle);
      expect(Buffer.concat(said).toString()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    },
  );
});

describe('a good credential passes whoever fails beside it', () => {
  const ask = (port: number, options: object) => rawRequest({ port, ca: certificates.ca, ...options });
  const join = (port: number, password: string) =>
    ask(port, {
      method: 'POST',
      path: '/enroll',
      body: 'MIIB',
      headers: { 'content-type': 'application/pkcs10', authorization: `Basic ${password}` },
    });

  test('of the same protocol', async () => {
    const { port } = await listenWith();
    const guesses: number[] = [];
    for (let tries = 0; tries < 5; tries++) guesses.push((await join(port, 'wrong')).status);
    expect(guesses).toEqual([401, 401, 401, 429, 429]);
    expect((await join(port, 'right')).status).toBe(200);
  });

  test('that a public change takes in its body', async () => {
    const { port } = await listenWith();
    const setUpWith = (text: string) =>
      ask(port, {
        method: 'POST',
        path: setUp.path,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ text }),
      });
    const guesses: number[] = [];
    for (let tries = 0; tries < 5; tries++) guesses.push((await setUpWith('wrong')).status);
    expect(guesses).toEqual([401, 401, 401, 429, 429]);
    expect((await setUpWith('right')).status).toBe(204);
    expect((await setUpWith('x'.repeat(16_384))).status).toBe(413);
  });

  test('and failures elsewhere do not even make its wrong ones 429', async () => {
    const { port } = await listenWith();
    const post = {
      method: 'POST',
      path: save.path,
      headers: { 'content-type': 'application/json' },
      body: '{}',
    };
    for (let tries = 0; tries < 5; tries++) await ask(port, post);
    expect((await ask(port, post)).status).toBe(429);
    expect((await join(port, 'wrong')).status).toBe(401);
  });
});

test('a listener that takes no tokens asks for none', async () => {
  const { port } = await listenWith();
  const answer = await rawRequest({ port, ca: certificates.ca, path: '/v1/notes', method: 'POST' });
  expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, undefined]);
});

test('above the rate of its caller a request is told when to come again', async () => {
  const { port } = await listenWith({}, { limitRequest: () => 7 });
  const answer = await rawRequest({ port, ca: certificates.ca, path: '/nothing' });
  expect(json(answer)).toMatchObject({ status: 429, code: 'http.too_many_requests' });
  expect(answer.headers['retry-after']).toBe('7');
});

describe('clients of plain HTTP', () => {
  const large: RawRoute = {
    method: 'GET',
    path: '/large',
    mediaTypes: [],
    handle: async () => {
      served++;
      return { status: 200, headers: {}, body: bytes };
    },
  };
  const bytes = new Uint8Array(8_000_000);
  let served: number;
  let accepted: Socket[];
  let refused: string[];

  async function listenPlain(limits: Partial<HttpLimits>): Promise<() => Socket> {
    [served, accepted, refused] = [0, [], []];
    const server = createServer();
    server.on('connection', (socket: Socket) => accepted.push(socket));
    const app = await createHttpApp({
      server,
      handlers: [],
      rawRoutes: [large],
      authenticate: async () => ({ kind: 'refused', reason: 'nobody' }),
      overLimit: ({ setting }) => refused.push(setting),
      limits: { ...testLimits, ...limits },
      log: { info: () => undefined, error: () => undefined },
      clock: new FakeClock(),
      random: seededRandom(1),
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    stops.push(async () => {
      await app.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    return () => {
      const socket = connectTcp((server.address() as AddressInfo).port, '127.0.0.1');
      socket.on('error', () => undefined);
      return socket;
    };
  }

  async function until(done: () => boolean): Promise<void> {
    while (!done()) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  test('that never read are cut', async () => {
    const open = await listenPlain({ stalledWriteMs: 100 });
    const socket = open();
    socket.pause();
    socket.write('GET /large HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(() => accepted[0]?.destroyed === true);
    expect(served).toBe(1);
    socket.destroy();
  });

  test('that never read do not cost a copy of the answer each', async () => {
    const open = await listenPlain({});
    const before = process.memoryUsage().arrayBuffers;
    const sockets = Array.from({ length: 20 }, open);
    for (const socket of sockets) socket.pause().write('GET /large HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(() => served === 20);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10 * bytes.length);
    for (const socket of sockets) socket.destroy();
  });

  test('of one address have so many connections and no more', async () => {
    const open = await listenPlain({ connectionsPerAddressMax: 2 });
    const first = [open(), open()];
    await Promise.all(first.map((socket) => once(socket, 'connect')));
    await once(open(), 'close');
    expect(refused).toEqual(['connectionsPerAddressMax']);
    first[0]?.destroy();
    await until(() => accepted[0]?.destroyed === true);
    const again = open();
    again.write('GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n');
    const [answer] = (await once(again, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 404 /);
    for (const socket of [...first, again]) socket.destroy();
  });
});
