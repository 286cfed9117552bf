import { Agent, request } from 'node:https';
import { createJoinToken, listCertificates, listThings } from '@fleetward/protocol';
import { needs, temporaryFolder } from '@fleetward/testkit';
import { startTestPlatform, type TestPlatform } from '@fleetward/testkit/platform';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { csrFile } from './foreign-client.ts';

let platform: TestPlatform;
let agent: Agent;

beforeAll(async () => {
  platform = await startTestPlatform({
    settings: {
      enrollment: { serverKeygen: true },
      httpLimits: { deviceRequestsPerSecondMax: 100_000, failedAuthenticationsPerMinuteMax: 100_000 },
    },
  });
  agent = new Agent({ keepAlive: false, ca: platform.rootPem });
});

afterAll(async () => {
  agent.destroy();
  await platform.stop();
});

const operations = ['cacerts', 'csrattrs', 'simpleenroll', 'serverkeygen', 'simplereenroll', 'fullcmc', ''];
const labels = ['', 'device/', 'tpm-device/', 'claim/', 'operator/', 'server/', '%2e%2e/', 'device%00/'];

interface Hostile {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

function ask({ method, path, headers, body }: Hostile): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const to = { host: '127.0.0.1', servername: 'localhost', port: platform.platform.ports.devices };
  const sent = method === 'GET' ? {} : { 'content-length': String(body.length) };
  const call = request({ ...to, agent, method, path, headers: { ...headers, ...sent } }, (answer) => {
    answer.resume();
    answer.once('end', () => resolve(answer.statusCode ?? 0));
    answer.once('error', reject);
  });
  call.once('error', reject);
  call.end(method === 'GET' ? undefined : body);
  return promise;
}

/** A request of the right shape in which something is not. */
function hostileRequests(csr: string, secret: string): fc.Arbitrary<Hostile> {
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
  const mutated = fc
    .tuple(fc.nat(csr.length - 1), fc.base64String({ maxLength: 8 }))
    .map(([at, patch]) => Buffer.from(csr.slice(0, at) + patch + csr.slice(at + patch.length)));
  const bytes = fc.uint8Array({ maxLength: 3_000 }).map((array) => Buffer.from(array));
  const authorization = fc.oneof(
    fc.constant(basic(`device:${secret}`)),
    fc.string({ maxLength: 40 }).map(basic),
    fc.base64String({ maxLength: 1_400 }).map((text) => `Basic ${text}`),
    fc.constant('Bearer x'),
  );
  return fc.record({
    method: fc.constantFrom('POST', 'POST', 'POST', 'GET', 'PUT'),
    path: fc
      .tuple(fc.constantFrom(...labels), fc.constantFrom(...operations))
      .map(([label, operation]) => `/.well-known/est/${label}${operation}`),
    headers: fc.record({
      authorization,
      'content-type': fc.constantFrom('application/pkcs10', 'application/pkcs10; a=b', 'text/plain'),
      'content-transfer-encoding': fc.constantFrom('base64', 'binary', 'x'),
    }),
    body: fc.oneof(mutated, bytes, fc.constant(Buffer.from(csr.repeat(30)))),
  });
}

needs('openssl', 'openssl').describe('EST under hostile requests', () => {
  test('answers each with a status that says why, and stores nothing but traces', async () => {
    using folder = temporaryFolder();
    // For a name that the token does not allow: nothing of this may ever come to a certificate.
    const { base64 } = await csrFile(folder, 'outsider');
    const body = { namePattern: 'insider', usesMax: 1_000_000 };
    const { secret } = await platform.api.call(createJoinToken, { body });
    const before = await platform.api.call(listCertificates, { query: { limit: 1_000 } });
    const expected = new Set([200, 400, 401, 403, 404, 405, 413, 415]);
    await fc.assert(
      fc.asyncProperty(hostileRequests(base64, secret), async (hostile) => {
        const status = await ask(hostile);
        expect(expected).toContain(status);
        if (status === 200) expect(hostile.path).toMatch(/\/(cacerts|csrattrs)$/);
      }),
      { numRuns: 400 },
    );
    const after = await platform.api.call(listCertificates, { query: { limit: 1_000 } });
    expect(after.certificates).toEqual(before.certificates);
    expect((await platform.api.call(listThings)).things).toEqual([]);
    expect((await platform.enrol('insider')).thingName).toBe('insider');
  }, 120_000);
});
