import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { openssl, temporaryFolder } from '@fleetward/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { lookupElsewhere } from '../../src/provisioning/hook.ts';
import type { ProvisioningSettings } from '../../src/provisioning/index.ts';
import type { Claim } from '../../src/provisioning/store.ts';
import { openPlatform, type Platform } from '../certificates/test-platform.ts';
import { askedBy, makeFleet, operator, parameters } from './fleet.ts';

const tls = temporaryFolder();
let folder = temporaryFolder();
let server: Server;
let platform: Platform;
let claim: Claim;
let host = '';
let answer: (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

beforeAll(async () => {
  const { key, cert } = await selfSigned('localhost', [
    '-addext',
    'subjectAltName=DNS:localhost',
    '-days',
    '30',
  ]);
  server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => answer(request, response, Buffer.concat(chunks)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host = `localhost:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(async () => {
  await platform.close();
  folder.remove();
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  tls.remove();
});

async function open(
  settings: Partial<ProvisioningSettings> = {},
  hookCaPem = readFileSync(tls.join('localhost.pem'), 'utf8'),
) {
  const provisioning = { hookHosts: [host], hookMayBeLoopback: true, ...settings };
  platform = await openPlatform({ folder: folder.path, hookCaPem, provisioning });
  claim = await makeFleet(platform, { hookUrl: `https://${host}/check?line=1` });
}

async function provision(given: Readonly<Record<string, string>> = { SerialNumber: '7' }) {
  const created = await platform.provisioning.createKeys(askedBy(claim));
  if (created.kind === 'refused') throw new Error(created.explanation);
  const { ownershipToken } = created;
  return platform.provisioning.provision(askedBy(claim), {
    templateName: 'lamps',
    ownershipToken,
    parameters: parameters(given),
  });
}

const say =
  (status: number, body: string, headers = {}): typeof answer =>
  (_, response) =>
    void response.writeHead(status, headers).end(body);

describe('a pre-provisioning hook', () => {
  test('is told what AWS tells, signed, and may allow with parameters of its own', async () => {
    await open();
    let seen: { readonly request: IncomingMessage; readonly body: Buffer } | undefined;
    answer = (request, response, body) => {
      seen = { request, body };
      response.end(JSON.stringify({ allowProvisioning: true, parameterOverrides: { SerialNumber: '8' } }));
    };
    expect(await provision()).toMatchObject({ kind: 'provisioned', thingName: 'lamp-8' });
    const { headers, url, method } = seen!.request;
    expect(JSON.parse(String(seen!.body))).toEqual({
      claimCertificateId: claim.certificateId,
      certificateId: expect.stringMatching(/^[0-9a-f]{64}$/),
      certificatePem: expect.stringContaining('BEGIN CERTIFICATE'),
      templateArn: 'arn:aws:iot:local:000000000000:provisioningtemplate/lamps',
      clientId: 'factory-line-1',
      parameters: { SerialNumber: '7' },
    });
    const digest = `sha-256=:${createHash('sha256').update(seen!.body).digest('base64')}:`;
    expect(headers['content-digest']).toBe(digest);
    // As docs/reference/provisioning-templates.md tells a receiver to check it.
    const signatureParameters = String(headers['signature-input']).replace(/^fleetward=/, '');
    const base = [
      `"@method": ${method}`,
      `"@target-uri": https://${headers.host}${url}`,
      `"content-type": ${headers['content-type']}`,
      `"content-digest": ${headers['content-digest']}`,
      `"@signature-params": ${signatureParameters}`,
    ].join('\n');
    const signature = Buffer.from(String(headers.signature).replace(/^fleetward=:|:$/g, ''), 'base64');
    const der = Buffer.from(platform.provisioning.hookPublicKey);
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
    expect(verify(null, Buffer.from(base), key, signature)).toBe(true);
    expect(verify(null, Buffer.from(base.replace('line=1', 'line=2')), key, signature)).toBe(false);
    expect(signatureParameters).toContain(
      `keyid="${createHash('sha256').update(der).digest('hex')}";alg="ed25519"`,
    );
  });

  test.each<readonly [string, typeof answer, string]>([
    ['says no', say(200, '{"allowProvisioning":false}'), 'does not allow'],
    ['answers with another status', say(201, '{"allowProvisioning":true}'), 'status 201'],
    ['redirects', say(302, '', { location: '/other' }), 'status 302'],
    ['answers with no JSON', say(200, 'yes'), 'no JSON object'],
    [
      'answers with a key twice',
      say(200, '{"allowProvisioning":false,"allowProvisioning":true}'),
      'no JSON object',
    ],
    ['answers with nothing', say(200, ''), 'no JSON object'],
    ['answers with a text for yes', say(200, '{"allowProvisioning":"true"}'), 'neither true nor false'],
    ['answers with more', say(200, '{"allowProvisioning":true,"x":1}'), 'a member `x`'],
    [
      'overrides with a number',
      say(200, '{"allowProvisioning":true,"parameterOverrides":{"a":1}}'),
      'override of `a`',
    ],
    [
      'overrides the certificate',
      say(200, '{"allowProvisioning":true,"parameterOverrides":{"AWS::IoT::Certificate::Id":"x"}}'),
      'not its to give',
    ],
    ['answers with too much', say(200, `"${'x'.repeat(2_000)}"`), 'more than 1024 bytes'],
    ['closes the connection', (request) => void request.socket.destroy(), 'hang up'],
  ])('that %s has refused', async (_, answering, why) => {
    await open();
    answer = answering;
    expect(await provision()).toMatchObject({
      reason: 'hook_refused',
      explanation: expect.stringContaining(why),
      deviceText: 'the pre-provisioning hook does not allow it',
    });
  });

  test('that does not answer in time has refused, be it that it only begins to', async () => {
    await open({ hookTimeoutMs: 100 });
    answer = (_, response) => void response.write('{"allowProvisioning"');
    expect(await provision()).toMatchObject({ explanation: expect.stringContaining('within 100 ms') });
  });

  test('whose certificate does not chain to what is trusted is not asked', async () => {
    await open({}, await otherCa());
    answer = say(200, '{"allowProvisioning":true}');
    expect(await provision()).toMatchObject({
      reason: 'hook_refused',
      explanation: expect.stringMatching(/self-signed|verify/),
    });
  });

  test('is asked at so many places at once as the settings say', async () => {
    await open({ hooksInFlightMax: 1 });
    const held = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    answer = (_, response) => {
      begun.resolve();
      void held.promise.then(() => response.end('{"allowProvisioning":true}'));
    };
    const first = provision({ SerialNumber: '1' });
    await begun.promise;
    expect(await provision({ SerialNumber: '2' })).toMatchObject({
      explanation: expect.stringContaining('hooksInFlightMax'),
    });
    held.resolve();
    expect(await first).toMatchObject({ kind: 'provisioned' });
  });

  test('may only be where the settings let it: https, a host of theirs, loopback only if they say so', async () => {
    await open({ hookMayBeLoopback: true });
    const update = (hookUrl: string) =>
      platform.provisioning.templates.update('lamps', { hookUrl }, operator);
    for (const url of [
      `http://${host}/`,
      'https://elsewhere.example/',
      `https://${host}.elsewhere.example/`,
      `https://user@${host}/`,
      'https://127.0.0.1/',
      'https://169.254.169.254/latest/meta-data',
      '/check',
      'file:///etc/passwd',
    ])
      await expect(update(url), url).rejects.toMatchObject({ code: 'provisioning.hook_refused' });
    await platform.close();
    const { keys, clock } = platform;
    const provisioning = { hookHosts: [host], hookMayBeLoopback: false };
    platform = await openPlatform({ folder: folder.path, keys, clock, provisioning });
    await expect(update(`https://${host}/`)).rejects.toMatchObject({ code: 'provisioning.hook_refused' });
    answer = say(200, '{"allowProvisioning":true}');
    expect(await provision()).toMatchObject({ explanation: expect.stringContaining('hookMayBeLoopback') });
  });

  test('is not asked where its name leads to this machine', async () => {
    await open();
    const found = await new Promise((resolve) =>
      lookupElsewhere('localhost', { all: true }, (error) => resolve(error?.message)),
    );
    expect(found).toBe('its name leads to this machine');
  });
});

async function otherCa(): Promise<string> {
  return readFileSync((await selfSigned('other')).cert, 'utf8');
}

/** The files of a key and of its certificate. */
async function selfSigned(name: string, more: readonly string[] = []) {
  const files = { key: tls.join(`${name}.key`), cert: tls.join(`${name}.pem`) };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', files.key];
  await openssl(['req', '-x509', ...key, '-out', files.cert, '-subj', `/CN=${name}`, ...more]);
  return files;
}
