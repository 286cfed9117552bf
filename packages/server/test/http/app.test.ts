import { once } from 'node:events';
import { request } from 'node:https';
import { connect } from 'node:tls';
import { defineRoute } from '@fleetward/protocol';
import { FakeClock } from '@fleetward/testkit';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Authenticate, HttpError } from '../../src/http/index.ts';
import { handle } from '../../src/route-handler.ts';
import { type Listening, listen, makeCertificate, type TestCertificates, testLimits } from './listening.ts';
import { json, rawBytes, rawRequest } from './raw-request.ts';

const greet = defineRoute({
  method: 'POST',
  path: '/v1/greetings/:name',
  noun: 'greetings',
  summary: 'Greet',
  access: 'operator',
  params: Type.Object({ name: Type.String({ maxLength: 20 }) }),
  query: Type.Object({
    times: Type.Optional(Type.Integer({ minimum: 1 })),
    loud: Type.Optional(Type.Boolean()),
  }),
  body: Type.Object({ text: Type.String(), inner: Type.Optional(Type.Object({ a: Type.Integer() })) }),
  answer: Type.Object({ said: Type.String(), times: Type.Integer(), loud: Type.Boolean() }),
});
const greetTest = defineRoute({ ...bare('GET', '/v1/greetings/test'), access: 'public' });
const getGreeting = defineRoute({
  ...bare('GET', '/v1/greetings/:name'),
  params: Type.Object({ name: Type.String() }),
});
const fail = defineRoute({ ...bare('GET', '/v1/failure'), access: 'public' });
const upload = defineRoute({
  ...bare('PUT', '/v1/upload'),
  body: 'bytes',
  status: 200,
  answer: Type.Object({ length: Type.Integer() }),
});
const deviceOnly = defineRoute({ ...bare('GET', '/v1/device'), access: 'device' });
const leak = defineRoute({ ...bare('GET', '/v1/leak'), answer: Type.Object({ shown: Type.String() }) });
const wrong = defineRoute({ ...bare('GET', '/v1/wrong'), answer: Type.Object({ shown: Type.String() }) });

function bare<const Method extends 'GET' | 'PUT', const Path extends string>(method: Method, path: Path) {
  return { method, path, noun: 'greetings', summary: 'For the test', access: 'operator' } as const;
}

const authenticate: Authenticate = async ({ authorization }) =>
  authorization === 'Bearer right-secret'
    ? { kind: 'accepted', caller: { kind: 'operator', operatorId: 'o1', name: 'ada' } }
    : { kind: 'refused', reason: 'the operator token is not known' };

const auth = { authorization: 'Bearer right-secret' };
const jsonHeaders = { ...auth, 'content-type': 'application/json' };
const clock = new FakeClock();
const refusals: string[] = [];
const hiddenRecord = { shown: 'yes', passwordHash: 'hidden-record-field' };

let certificates: TestCertificates;
let listening: Listening;

beforeAll(async () => {
  certificates = await makeCertificate();
  listening = await listen(certificates, {
    clock,
    authenticate,
    refused: ({ reason }) => refusals.push(reason),
    describe: { title: 'Test', version: '1' },
    challenge: 'Bearer realm="fleetward"',
    handlers: [
      handle(greet, async ({ params, query, body }) => ({
        said: `${params.name}: ${body.text}`,
        times: query.times ?? 1,
        loud: query.loud ?? false,
      })),
      handle(greetTest, async () => undefined),
      handle(getGreeting, async () => undefined),
      handle(fail, async () => {
        throw new Error('secret-detail-of-the-failure');
      }),
      handle(upload, async ({ body }) => {
        let length = 0;
        for await (const chunk of body) length += chunk.length;
        return { length };
      }),
      handle(deviceOnly, async () => undefined),
      handle(leak, async () => hiddenRecord),
      handle(wrong, async () => JSON.parse('{"shown":1}')),
    ],
  });
});

afterAll(() => listening.stop());

const ask = (options: Omit<Parameters<typeof rawRequest>[0], 'port' | 'ca'>) =>
  rawRequest({ ...options, port: listening.port, ca: certificates.ca });

const greetWith = (body: string, path = '/v1/greetings/bo') =>
  ask({ method: 'POST', path, headers: jsonHeaders, body });

describe('a request that passed', () => {
  test('reaches its handler with parameters, query and body typed', async () => {
    const answer = await greetWith('{"text":"hi"}', '/v1/greetings/bo?times=3&loud=true');
    expect(answer.status).toBe(200);
    expect(json(answer)).toEqual({ said: 'bo: hi', times: 3, loud: true });
  });

  test('carries the headers that keep browsers from misusing it', async () => {
    const { headers } = await greetWith('{"text":"hi"}');
    expect(headers).toMatchObject({
      'strict-transport-security': 'max-age=31536000',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
  });

  test('never shows a field that its route does not document', async () => {
    const answer = await ask({ path: '/v1/leak', headers: auth });
    expect(answer.body.toString()).toBe('{"shown":"yes"}');
  });

  test('is our failure when the handler answers in another form', async () => {
    const answer = await ask({ path: '/v1/wrong', headers: auth });
    expect(json(answer)).toMatchObject({ status: 500, code: 'http.internal' });
  });
});

describe('a body that is not of its form is refused with the place and what was expected', () => {
  test.each([
    [
      'an unknown field',
      '{"text":"hi","tex":1}',
      { path: '/tex', message: 'is not a field of this request' },
    ],
    ['an unknown field deeper', '{"text":"hi","inner":{"a":1,"b":2}}', { path: '/inner/b' }],
    ['a wrong type', '{"text":1}', { path: '/text', expected: 'string' }],
    ['a missing field', '{}', { path: '', expected: 'with `text`' }],
  ])('%s', async (_, body, error) => {
    const answer = await greetWith(body);
    expect(answer.status).toBe(400);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(json(answer)).toMatchObject({
      code: 'http.invalid_request',
      errors: [expect.objectContaining(error)],
    });
  });

  test.each([
    ['a key given twice', '{"text":"a","text":"b"}'],
    ['a prototype key', '{"text":"a","__proto__":{}}'],
    ['nesting without end', '['.repeat(1_000)],
    ['bytes that are no JSON', '{text}'],
    ['nothing', ''],
  ])('%s', async (_, body) => {
    expect(json(await greetWith(body))).toMatchObject({ status: 400 });
  });

  test.each(['times=0', 'times=1e3', 'times=0x10', 'times=', 'times=1&times=2', 'loud=yes', 'other=1'])(
    'a query `%s`',
    async (query) => {
      const answer = await greetWith('{"text":"hi"}', `/v1/greetings/bo?${query}`);
      expect(json(answer)).toMatchObject({ status: 400, code: 'http.invalid_request' });
      expect(JSON.stringify(json(answer).errors)).toContain('query.');
    },
  );
});

describe('what cannot be served is a problem document', () => {
  test('404 for an unknown path', async () => {
    const answer = await ask({ path: '/v1/nothing?token=abc' });
    expect(json(answer)).toMatchObject({
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      code: 'http.not_found',
    });
  });

  test('405 with the methods the path takes', async () => {
    const answer = await ask({ method: 'DELETE', path: '/v1/failure', headers: auth });
    expect(json(answer)).toMatchObject({ status: 405, code: 'http.method_not_allowed' });
    expect(answer.headers.allow).toBe('GET, HEAD');
  });

  test('a literal path does not hide what its pattern takes', async () => {
    expect((await greetWith('{"text":"hi"}', '/v1/greetings/test')).status).toBe(200);
    expect((await ask({ method: 'PUT', path: '/v1/greetings/test' })).headers.allow).toBe('POST, GET, HEAD');
  });

  test('413 for a body beyond the limit, announced or not', async () => {
    const large = JSON.stringify({ text: 'x'.repeat(testLimits.bodyBytesMax) });
    expect(json(await greetWith(large))).toMatchObject({ status: 413, code: 'http.body_too_large' });
    const headers = { ...jsonHeaders, 'transfer-encoding': 'chunked' };
    const chunked = await ask({ method: 'POST', path: '/v1/greetings/bo', headers, body: large });
    expect(json(chunked)).toMatchObject({ status: 413, code: 'http.body_too_large' });
  });

  test('413 for an upload beyond the limit, announced or not', async () => {
    const body = new Uint8Array(testLimits.uploadBytesMax + 1);
    const type = { ...auth, 'content-type': 'application/octet-stream' };
    const announced = await ask({ method: 'PUT', path: '/v1/upload', headers: type, body });
    expect(announced.status).toBe(413);
    const headers = { ...type, 'transfer-encoding': 'chunked' };
    expect((await ask({ method: 'PUT', path: '/v1/upload', headers, body })).status).toBe(413);
    const fits = body.subarray(1);
    expect(json(await ask({ method: 'PUT', path: '/v1/upload', headers, body: fits }))).toEqual({
      length: fits.length,
    });
  });

  test('413 reaches a client that goes on sending after it, and the connection is reset under nobody', async () => {
    const head =
      'PUT /v1/upload HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n';
    const socket = connect({ host: 'localhost', port: listening.port, ca: certificates.ca });
    const said: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => said.push(chunk));
    socket.write(`${head}Authorization: ${auth.authorization}\r\n\r\n`);
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
    for (let sent = 0; sent < testLimits.uploadBytesMax * 8; sent += 0x4000) {
      if (!socket.write(chunk)) await once(socket, 'drain');
    }
    socket.end('0\r\n\r\n');
    await once(socket, 'close');
    expect(Buffer.concat(said).toString()).toMatch(/^HTTP\/1\.1 413 [\s\S]*http\.body_too_large/);
  });

  test.each([
    ['text/plain', 'POST', '/v1/greetings/bo'],
    ['application/octet-stream', 'POST', '/v1/greetings/bo'],
    ['application/json', 'PUT', '/v1/upload'],
  ])('415 for `%s` on %s %s', async (type, method, path) => {
    const answer = await ask({ method, path, headers: { ...auth, 'content-type': type }, body: '{}' });
    expect(json(answer)).toMatchObject({ status: 415, code: 'http.unsupported_media_type' });
  });

  test('400 for a body where none is taken', async () => {
    const answer = await ask({ path: '/v1/leak', headers: jsonHeaders, body: '{}' });
    expect(json(answer)).toMatchObject({ status: 400, code: 'http.bad_request' });
  });

  test('400 for a path that is not an encoded one', async () => {
    expect(json(await ask({ path: '/v1/greetings/%zz' }))).toMatchObject({
      status: 400,
      code: 'http.bad_request',
    });
  });

  test('431 for headers beyond the limit, 400 for what is not HTTP', async () => {
    const { port } = listening;
    const { ca } = certificates;
    const large = `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(testLimits.headerBytesMax)}\r\n\r\n`;
    expect(await rawBytes({ port, ca, send: large })).toMatch(
      /^HTTP\/1\.1 431 [\s\S]*http\.headers_too_large/,
    );
    expect(await rawBytes({ port, ca, send: 'hello\r\n\r\n' })).toMatch(
      /^HTTP\/1\.1 400 [\s\S]*problem\+json/,
    );
  });

  test('500 for an unforeseen failure tells a correlation id and nothing else', async () => {
    const answer = await ask({ path: '/v1/failure' });
    expect(json(answer)).toMatchObject({ status: 500, code: 'http.internal' });
    expect(answer.body.toString()).not.toContain('secret-detail');
    const { instance } = json(answer);
    expect(
      listening.lines.filter(({ level }) => level === 'error').map(({ fields }) => fields),
    ).toContainEqual(expect.objectContaining({ instance, route: '/v1/failure' }));
  });
});

describe('who may call', () => {
  test('401 with a challenge for a caller who proves nothing', async () => {
    clock.advance(60_000);
    const answer = await ask({ path: '/v1/leak' });
    expect(json(answer)).toMatchObject({ status: 401, code: 'http.unauthenticated' });
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="fleetward"');
  });

  test('401 comes before the body is read', async () => {
    clock.advance(60_000);
    const head =
      'PUT /v1/upload HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\nContent-Length: 60000\r\n\r\n';
    const { promise, resolve } = Promise.withResolvers<string>();
    const { connect } = await import('node:tls');
    const socket = connect({ host: 'localhost', port: listening.port, ca: certificates.ca });
    socket.on('secureConnect', () => socket.write(head));
    socket.once('data', (chunk) => resolve(chunk.toString()));
    expect(await promise).toMatch(/^HTTP\/1\.1 401 /);
    socket.destroy();
  });

  test('403 for a caller of another kind', async () => {
    expect(json(await ask({ path: '/v1/device', headers: auth }))).toMatchObject({
      status: 403,
      code: 'http.forbidden',
    });
  });

  test('429 after too many failures, while a good token still passes and a minute later failures are told again', async () => {
    clock.advance(60_000);
    refusals.length = 0;
    const guess = () => ask({ path: '/v1/leak', headers: { authorization: 'Bearer wrong' } });
    for (let tries = 0; tries < testLimits.failedAuthenticationsPerMinuteMax; tries++) {
      expect((await guess()).status).toBe(401);
    }
    const blocked = await guess();
    expect(json(blocked)).toMatchObject({ status: 429, code: 'http.too_many_failures' });
    expect(blocked.headers['retry-after']).toBe('60');
    expect(refusals).toHaveLength(testLimits.failedAuthenticationsPerMinuteMax);
    expect((await ask({ path: '/v1/leak', headers: auth })).status).toBe(200);
    clock.advance(60_000);
    expect((await guess()).status).toBe(401);
  });
});

test('the log never has a token, a query, a body or a path', async () => {
  clock.advance(60_000);
  await greetWith('{"text":"body-secret"}', '/v1/greetings/path-secret?times=0&x=query-secret');
  await greetWith('{"text":"body-secret"}', '/v1/greetings/path-secret');
  await ask({ path: '/v1/unknown-secret', headers: { authorization: 'Bearer wrong-secret' } });
  await ask({
    path: '/v1/failure',
    headers: { authorization: 'Bearer wrong-secret', cookie: 'cookie-secret' },
  });
  const text = JSON.stringify(listening.lines);
  expect(listening.lines.length).toBeGreaterThan(10);
  expect(text).not.toMatch(/(right|wrong|body|path|query|unknown|cookie)-secret|secret-detail/);
  expect(text).toContain('/v1/greetings/:name');
});

test('a request that is never completed is ended with 408', async () => {
  const impatient = await listen(certificates, {
    clock,
    authenticate,
    limits: { ...testLimits, requestTimeoutMs: 200 },
    handlers: [handle(greet, async () => ({ said: '', times: 1, loud: false }))],
  });
  const head = `POST /v1/greetings/bo HTTP/1.1\r\nHost: a\r\nAuthorization: ${auth.authorization}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`;
  const said = await rawBytes({ port: impatient.port, ca: certificates.ca, send: head });
  await impatient.stop();
  expect(said).toMatch(/^HTTP\/1\.1 408 [\s\S]*http\.timeout/);
});

test('a handler is told when its client leaves and when the server stops', async () => {
  const started = Promise.withResolvers<AbortSignal>();
  const waiting = await listen(certificates, {
    clock,
    authenticate,
    handlers: [
      handle(leak, async ({ signal }) => {
        started.resolve(signal);
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        throw new HttpError('http.stopping', 'the server is stopping: try again');
      }),
    ],
  });
  const asked = rawRequest({ port: waiting.port, ca: certificates.ca, path: '/v1/leak', headers: auth });
  const signal = await started.promise;
  const stopped = waiting.app.close();
  expect(json(await asked)).toMatchObject({ status: 503, code: 'http.stopping' });
  expect(signal.aborted).toBe(true);
  await stopped;
  const late = await rawRequest({ port: waiting.port, ca: certificates.ca, path: '/v1/leak', headers: auth });
  expect(json(late)).toMatchObject({ status: 503, code: 'http.stopping' });
  await waiting.stop();
});

test('a request whose caller is shut out while its body comes is not carried out', async () => {
  let [asked, isGood, greeted] = [0, true, 0];
  const own = await listen(certificates, {
    clock,
    authenticate: async (credentials) => {
      asked++;
      return isGood
        ? authenticate(credentials)
        : { kind: 'refused', reason: 'the operator token was revoked' };
    },
    handlers: [handle(greet, async () => ({ said: String(++greeted), times: 1, loud: false }))],
  });
  const target = { host: 'localhost', port: own.port, ca: certificates.ca, path: '/v1/greetings/bo' };
  const headers = { ...jsonHeaders, expect: '100-continue' };
  const sent = request({ ...target, method: 'POST', headers, agent: false });
  sent.flushHeaders();
  await once(sent, 'continue');
  await expect.poll(() => asked).toBe(1);
  isGood = false;
  sent.end('{"text":"hi"}');
  const [response] = await once(sent, 'response');
  response.resume();
  await own.stop();
  expect([response.statusCode, greeted]).toEqual([401, 0]);
});
