import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type ApiClient,
  type ApiClientOptions,
  ApiError,
  createApiClient,
  defineRoute,
} from '../src/index.ts';
import { startServer, type TestServer } from './test-server.ts';

const base = { noun: 'echo', summary: 'Echo', access: 'public' } as const;
const echo = defineRoute({
  ...base,
  method: 'POST',
  path: '/echo/:name/*',
  params: Type.Object({ name: Type.String(), '*': Type.String() }),
  query: Type.Object({ limit: Type.Optional(Type.Integer()), text: Type.Optional(Type.String()) }),
  body: Type.Object({ a: Type.Integer() }),
  answer: Type.Object({ url: Type.String(), authorization: Type.String(), body: Type.String() }),
});
const get = (path: string) =>
  defineRoute({ ...base, method: 'GET', path, answer: Type.Object({ ok: Type.Boolean() }) });
const bytes = (path: string) => defineRoute({ ...base, method: 'GET', path, answer: 'bytes' });
const send = defineRoute({
  ...base,
  method: 'PUT',
  path: '/send',
  body: 'bytes',
  status: 200,
  answer: Type.Object({ length: Type.Integer() }),
});
const refuseUpload = defineRoute({ ...base, method: 'PUT', path: '/refuse', body: 'bytes' });
const none = defineRoute({ ...base, method: 'DELETE', path: '/none' });

const problem = {
  type: 'about:blank',
  title: 'Conflict',
  status: 409,
  detail: 'it is there already',
  code: 'things.exists',
};

let server: TestServer;
let client: ApiClient;
let certificateSeen = '';
const seen = new WeakSet<Socket>();

beforeAll(async () => {
  server = await startServer((request, response) => void answer(request, response));
  client = clientWith({ token: 'fwo_test' });
});

afterAll(async () => {
  client.close();
  await server.stop();
});

function clientWith(options: Partial<ApiClientOptions>): ApiClient {
  return createApiClient({ baseUrl: server.baseUrl, ca: server.certificate, ...options });
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const reply = (status: number, body: unknown, type = 'application/json') => {
    response.writeHead(status, { 'content-type': type });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
  switch (request.url?.split('?')[0]) {
    case '/refuse':
      return reply(409, problem, 'application/problem+json');
    case '/none':
      return void response.writeHead(204).end();
    case '/html':
      return reply(502, '<html>', 'text/html');
    case '/wrong-form':
      return reply(200, { ok: 'yes' });
    case '/not-json':
      return reply(200, '{"ok":true,"ok":false}');
    case '/never':
      return;
    case '/large':
      return reply(200, 'x'.repeat(100_000), 'application/octet-stream');
    case '/rest':
      response.writeHead(206, {
        'content-range': request.headers.range?.replace('=', ' ').concat('9/10') ?? '',
      });
      return void response.end('rest');
    case '/other-rest':
      response.writeHead(206, { 'content-range': 'bytes 0-9/10' });
      return void response.end('other');
    // As when the server closes a connection that was idle just as the request is on its way.
    case '/closed-when-kept':
      if (seen.has(request.socket)) return void request.socket.destroy();
      seen.add(request.socket);
      return reply(200, { ok: true });
    case '/certificate':
      certificateSeen = (request.socket as TLSSocket).getPeerCertificate().subject?.CN?.toString() ?? '';
      return reply(200, { ok: true });
    case '/cut':
      response.writeHead(200, { 'content-length': '1000' });
      response.write('some');
      setImmediate(() => response.destroy());
      return;
    case '/send': {
      let length = 0;
      for await (const chunk of request) length += (chunk as Buffer).length;
      return reply(200, { length });
    }
    default: {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const authorization = request.headers.authorization ?? '';
      return reply(200, { url: request.url, authorization, body: Buffer.concat(chunks).toString() });
    }
  }
}

async function failureOf(call: Promise<unknown>): Promise<ApiError> {
  const failure = await call.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (!(failure instanceof ApiError)) throw new Error(`expected an ApiError, got ${String(failure)}`);
  return failure;
}

describe('a call', () => {
  test('fills path and query, escaped, and sends the token and the body', async () => {
    const params = { name: 'a/b?', '*': 'x/y z' };
    const said = await client.call(echo, { params, query: { limit: 3, text: 'a&b' }, body: { a: 1 } });
    expect(said).toEqual({
      url: '/echo/a%2Fb%3F/x/y%20z?limit=3&text=a%26b',
      authorization: 'Bearer fwo_test',
      body: '{"a":1}',
    });
  });

  test('of a route without an answer resolves with nothing', async () => {
    expect(await client.call(none)).toBeUndefined();
  });

  test('that is refused throws the problem of the server', async () => {
    const failure = await failureOf(client.call(get('/refuse')));
    expect(failure).toMatchObject({ code: 'api.refused', message: 'it is there already', problem });
  });

  test.each([
    ['/html', 'api.unexpected_answer'],
    ['/wrong-form', 'api.unexpected_answer'],
    ['/not-json', 'api.unexpected_answer'],
    ['/cut', 'api.unreachable'],
  ])('with a bad answer at %s throws %s', async (path, code) => {
    expect((await failureOf(client.call(get(path)))).code).toBe(code);
  });

  test('ends after its time', async () => {
    const impatient = clientWith({ timeoutMs: 50 });
    expect((await failureOf(impatient.call(get('/never')))).code).toBe('api.timeout');
    impatient.close();
  });

  test('ends when it is aborted', async () => {
    const controller = new AbortController();
    const call = client.call(get('/never'), { signal: controller.signal });
    controller.abort();
    expect((await failureOf(call)).code).toBe('api.aborted');
  });

  test('that reads is sent again when the connection it was kept on is closed, one that writes is not', async () => {
    const kept = clientWith({});
    for (let times = 0; times < 3; times++)
      expect(await kept.call(get('/closed-when-kept'))).toEqual({ ok: true });
    const write = defineRoute({ ...base, method: 'DELETE', path: '/closed-when-kept' });
    expect((await failureOf(kept.call(write))).code).toBe('api.unreachable');
    kept.close();
  });
  test('holds no more of an answer than it may', async () => {
    const small = clientWith({ answerBytesMax: 1_000 });
    expect((await failureOf(small.call(bytes('/large')))).code).toBe('api.answer_too_large');
    expect(await client.call(bytes('/large'))).toHaveLength(100_000);
    small.close();
  });
});

describe('trust', () => {
  test('a server of another authority is not spoken to', async () => {
    const stranger = createApiClient({ baseUrl: server.baseUrl, token: 'fwo_test' });
    const failure = await failureOf(stranger.call(none));
    expect(failure.code).toBe('api.unreachable');
    expect(failure.message).toContain('self-signed');
    stranger.close();
  });

  test.each(['http://localhost:1', 'https://localhost:1/path', 'localhost'])(
    '`%s` is no base address',
    (baseUrl) => {
      expect(() => createApiClient({ baseUrl })).toThrow(
        expect.objectContaining({ code: 'api.invalid_options' }),
      );
    },
  );

  test('a device proves itself by its certificate', async () => {
    const device = clientWith({ cert: server.certificate, key: server.key });
    await device.call(get('/certificate'));
    expect(certificateSeen).toBe('localhost');
    device.close();
  });
});

describe('bytes', () => {
  async function* chunks(count: number): AsyncGenerator<Uint8Array> {
    for (let sent = 0; sent < count; sent++) yield new Uint8Array(65_536);
  }

  test('are sent from memory and from a stream', async () => {
    expect(await client.call(send, { body: new Uint8Array(10) })).toEqual({ length: 10 });
    expect(await client.call(send, { body: chunks(40) })).toEqual({ length: 40 * 65_536 });
  });

  test('that are refused early tell why, and the rest is not sent', async () => {
    let sent = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (; sent < 10_000; sent++) yield new Uint8Array(65_536);
    }
    expect((await failureOf(client.call(refuseUpload, { body: endless() }))).problem).toEqual(problem);
    expect(sent).toBeLessThan(10_000);
  });

  test('whose source fails are an unreachable server, not a truncated success', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(10);
      throw new Error('the disk is gone');
    }
    const failure = await failureOf(client.call(send, { body: broken() }));
    expect(failure.message).toContain('the disk is gone');
  });

  test('are received as a stream, and a broken one is noticed', async () => {
    const { contentType, bytes: stream } = await client.download(bytes('/large'));
    let length = 0;
    for await (const chunk of stream) length += chunk.length;
    expect([contentType, length]).toEqual(['application/octet-stream', 100_000]);
    expect(await client.download(bytes('/rest'), { fromByte: 6 })).toMatchObject({ fromByte: 6 });
    expect(await client.download(bytes('/large'), { fromByte: 6 })).toMatchObject({ fromByte: 0 });
    await failureOf(client.download(bytes('/other-rest'), { fromByte: 6 }));
    await failureOf(client.download(bytes('/rest')));
    const cut = await client.download(bytes('/cut'));
    const read = async () => {
      for await (const _ of cut.bytes);
    };
    expect((await failureOf(read())).code).toBe('api.unreachable');
  });

  test('of a download that is refused throw the problem', async () => {
    expect((await failureOf(client.download(bytes('/refuse')))).problem).toEqual(problem);
  });
});
