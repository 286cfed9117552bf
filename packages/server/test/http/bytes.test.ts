import { defineRoute } from '@fleetward/protocol';
import { FakeClock } from '@fleetward/testkit';
import fc from 'fast-check';
import { Type } from 'typebox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { handle } from '../../src/route-handler.ts';
import { type Listening, listen, makeCertificate, type TestCertificates } from './listening.ts';
import { json, rawRequest } from './raw-request.ts';

const file = Buffer.from(Array.from({ length: 1_000 }, (_, index) => index % 251));
const base = { method: 'GET', noun: 'files', summary: 'Read', access: 'public', answer: 'bytes' } as const;
const readFile = defineRoute({ ...base, path: '/files/*', params: Type.Object({ '*': Type.String() }) });
const readStream = defineRoute({ ...base, path: '/stream' });

let certificates: TestCertificates;
let listening: Listening;

beforeAll(async () => {
  certificates = await makeCertificate();
  listening = await listen(certificates, {
    clock: new FakeClock(),
    authenticate: async () => ({ kind: 'refused', reason: 'nobody' }),
    handlers: [
      handle(readFile, async ({ params }) => ({
        contentType: 'application/octet-stream',
        lengthBytes: params['*'] === 'empty' ? 0 : file.length,
        etag: 'abc',
        open: async function* ({ start, end }) {
          yield file.subarray(start, end + 1);
        },
      })),
      handle(readStream, async () => ({
        contentType: 'application/jsonl',
        bytes: (async function* () {
          yield Buffer.from('one\n');
          yield Buffer.from('two\n');
        })(),
      })),
    ],
  });
});

afterAll(() => listening.stop());

const ask = (headers: Record<string, string> = {}, method = 'GET', path = '/files/a/b') =>
  rawRequest({ port: listening.port, ca: certificates.ca, path, method, headers });

test('a whole file comes with its length, its tag and the offer of ranges', async () => {
  const answer = await ask();
  expect(answer.status).toBe(200);
  expect(answer.headers).toMatchObject({ etag: '"abc"', 'content-length': '1000', 'accept-ranges': 'bytes' });
  expect(answer.body.equals(file)).toBe(true);
});

test('HEAD says the same without a body', async () => {
  const answer = await ask({}, 'HEAD');
  expect(answer.headers).toMatchObject({ etag: '"abc"', 'content-length': '1000' });
  expect(answer.body).toHaveLength(0);
});

test('HEAD with a range is told of the whole, as ranges are of GET alone', async () => {
  const answer = await ask({ range: 'bytes=0-1' }, 'HEAD');
  expect([answer.status, answer.headers['content-length']]).toEqual([200, '1000']);
  expect(answer.headers['content-range']).toBeUndefined();
});

test('an empty file is served', async () => {
  const answer = await ask({}, 'GET', '/files/empty');
  expect([answer.status, answer.headers['content-length'], answer.body.length]).toEqual([200, '0', 0]);
});

test('every range that lies in the file is exactly that slice', async () => {
  const offset = fc.nat({ max: file.length - 1 });
  await fc.assert(
    fc.asyncProperty(offset, fc.option(fc.nat({ max: 2_000 })), async (start, length) => {
      const end = length === null ? '' : String(start + length);
      const answer = await ask({ range: `bytes=${start}-${end}` });
      const slice = file.subarray(start, length === null ? undefined : start + length + 1);
      expect(answer.status).toBe(206);
      expect(answer.headers['content-range']).toBe(
        `bytes ${start}-${start + slice.length - 1}/${file.length}`,
      );
      expect(answer.body.equals(slice)).toBe(true);
    }),
    { numRuns: 40 },
  );
});

test('the last bytes can be asked for', async () => {
  expect((await ask({ range: 'bytes=-10' })).body.equals(file.subarray(-10))).toBe(true);
  expect((await ask({ range: 'bytes=-5000' })).body.equals(file)).toBe(true);
});

test.each(['bytes=1000-', 'bytes=-0', 'bytes=5000-6000'])('`%s` is 416 with the length', async (range) => {
  const answer = await ask({ range });
  expect(json(answer)).toMatchObject({ status: 416, code: 'http.range_not_satisfiable' });
  expect(answer.headers['content-range']).toBe('bytes */1000');
});

test.each(['bytes=5-1', 'bytes=0-1,3-4', 'items=0-1', 'bytes=a-b', 'bytes=-'])(
  '`%s` is no single range: the whole file is served',
  async (range) => {
    const answer = await ask({ range });
    expect([answer.status, answer.body.length]).toEqual([200, file.length]);
  },
);

test('a range is served only for the copy the client has', async () => {
  expect((await ask({ range: 'bytes=0-1', 'if-range': '"abc"' })).status).toBe(206);
  expect((await ask({ range: 'bytes=0-1', 'if-range': '"old"' })).status).toBe(200);
});

test('a copy that is current is not sent again', async () => {
  expect((await ask({ 'if-none-match': '"x", "abc"' })).status).toBe(304);
  expect((await ask({ 'if-none-match': '"x"' })).status).toBe(200);
});

test('a stream arrives whole, and HEAD does not run it', async () => {
  const answer = await ask({}, 'GET', '/stream');
  expect(answer.body.toString()).toBe('one\ntwo\n');
  expect((await ask({}, 'HEAD', '/stream')).status).toBe(200);
});
