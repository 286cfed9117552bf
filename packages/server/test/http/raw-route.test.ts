import { FakeClock } from '@fleetward/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RawRoute } from '../../src/http/index.ts';
import { type Listening, listen, makeCertificate, type TestCertificates, testLimits } from './listening.ts';
import { json, rawRequest } from './raw-request.ts';

const enroll: RawRoute = {
  method: 'POST',
  path: '/.well-known/est/simpleenroll',
  mediaTypes: ['application/pkcs10'],
  handle: async ({ headers, body }) => {
    const isKnown = headers.authorization === 'Basic right';
    return {
      status: isKnown ? 200 : 401,
      headers: {
        'content-type': 'text/plain',
        ...(isKnown ? {} : { 'www-authenticate': 'Basic realm="est"' }),
      },
      body: Buffer.from(`read ${body.length}`),
    };
  },
};

let certificates: TestCertificates;
let listening: Listening;
const clock = new FakeClock();

beforeAll(async () => {
  certificates = await makeCertificate();
  const authenticate = async () => ({ kind: 'refused', reason: 'nobody' }) as const;
  listening = await listen(certificates, { clock, authenticate, handlers: [], rawRoutes: [enroll] });
});

afterAll(() => listening.stop());

const post = (body: string, headers: Record<string, string> = {}) =>
  rawRequest({
    port: listening.port,
    ca: certificates.ca,
    method: 'POST',
    path: enroll.path,
    body,
    headers: { 'content-type': 'application/pkcs10', authorization: 'Basic right', ...headers },
  });

test('a foreign protocol gets its whole body and answers in its own words', async () => {
  const answer = await post('MIIB', { 'content-transfer-encoding': 'base64' });
  expect([answer.status, answer.headers['content-type'], answer.body.toString()]).toEqual([
    200,
    'text/plain',
    'read 4',
  ]);
});

test('its body is bounded and of its media type', async () => {
  expect(json(await post('x'.repeat(testLimits.bodyBytesMax + 1)))).toMatchObject({ status: 413 });
  const chunked = { 'transfer-encoding': 'chunked' };
  expect(json(await post('x'.repeat(testLimits.bodyBytesMax + 1), chunked))).toMatchObject({ status: 413 });
  expect(json(await post('x', { 'content-type': 'text/plain' }))).toMatchObject({ status: 415 });
});

test('its refused passwords count as failed authentications', async () => {
  for (let tries = 0; tries < testLimits.failedAuthenticationsPerMinuteMax; tries++) {
    const refused = await post('MIIB', { authorization: 'Basic wrong' });
    expect([refused.status, refused.headers['www-authenticate']]).toEqual([401, 'Basic realm="est"']);
  }
  expect((await post('MIIB', { authorization: 'Basic wrong' })).status).toBe(429);
  clock.advance(60_000);
  expect((await post('MIIB')).status).toBe(200);
});
