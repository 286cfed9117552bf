import { createHash, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { encodePem, parseCsr, verifyCsrSignature } from '@fleetward/pki';
import { needs, openssl, requireProgram, startProgram, temporaryFolder } from '@fleetward/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ConnectionEvent, connectDevice } from '../src/sdk/connect-device.ts';
import { buildCsr } from '../src/sdk/csr.ts';
import { type EnrollOptions, enroll } from '../src/sdk/enroll.ts';
import { openIdentityFolder } from '../src/sdk/identity.ts';
import { ecKey, random, TestAuthority } from './test-authority.ts';
import { TestPlatform } from './test-platform.ts';
import { TestRepository } from './test-repository.ts';

async function setUp() {
  const platform = await TestPlatform.start(await TestRepository.create());
  const folder = temporaryFolder();
  const options: EnrollOptions = {
    url: platform.url,
    trust: platform.authority.rootPem,
    joinToken: 'join-me',
    name: 'lamp-1',
    folder: folder.join('identity'),
    clock: Date,
  };
  const dispose = async () => {
    folder.remove();
    await platform[Symbol.asyncDispose]();
  };
  return { platform, folder, options, [Symbol.asyncDispose]: dispose };
}

describe('a certificate request', () => {
  test('is verified by openssl and by our own parser, whatever the name', async () => {
    using folder = temporaryFolder();
    const { key } = ecKey();
    const der = buildCsr(key, 'lamp-1');
    writeFileSync(folder.join('csr.der'), der);
    const args = ['req', '-inform', 'DER', '-in', folder.join('csr.der'), '-verify', '-noout', '-subject'];
    expect((await openssl(args)).toString()).toMatch(/CN ?= ?lamp-1/);
    fc.assert(
      fc.property(fc.stringMatching(/^[a-zA-Z0-9:_-]{1,64}$/), (name) => {
        const csr = parseCsr(buildCsr(key, name));
        expect(csr.subject.attributes.commonName).toEqual([name]);
        expect(verifyCsrSignature(csr)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test('of an RSA key names the algorithm it is signed with, and of another kind is refused', () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    expect(verifyCsrSignature(parseCsr(buildCsr(privateKey, 'lamp-1')))).toBe(true);
    const other = generateKeyPairSync('ed25519').privateKey;
    expect(() => buildCsr(other, 'lamp-1')).toThrow('EC or RSA');
  });
});

describe('enrolment', () => {
  test('keeps a key that only the owner reads, and a chain that holds; the second time it is there already', async () => {
    await using given = await setUp();
    const outcome = await enroll(given.options);
    expect(outcome).toMatchObject({ kind: 'enrolled', identity: { name: 'lamp-1' } });
    const key = given.folder.join('identity', 'key.pem');
    expect(statSync(key).mode & 0o777).toBe(0o600);
    expect((await openssl(['pkey', '-in', key, '-noout', '-text'])).toString()).toMatch(/P-256/);
    await openssl([
      'verify',
      '-purpose',
      'sslclient',
      '-CAfile',
      given.folder.join('identity', 'root.pem'),
      given.folder.join('identity', 'chain.pem'),
    ]);
    expect(await enroll(given.options)).toEqual(outcome);
  });

  test('believes a server by the fingerprint of its root, and no other', async () => {
    await using given = await setUp();
    const trust = createHash('sha256').update(given.platform.authority.root.der).digest('hex');
    const wrong = { ...given.options, trust: '0'.repeat(64) };
    await expect(enroll(wrong)).rejects.toMatchObject({ code: 'device.trust_invalid' });
    expect(await enroll({ ...given.options, trust })).toMatchObject({ kind: 'enrolled' });
  });

  test('sends no token to a server of another root', async () => {
    await using given = await setUp();
    const stranger = await TestAuthority.create('Another root');
    const outcome = enroll({ ...given.options, trust: stranger.rootPem });
    await expect(outcome).rejects.toMatchObject({ code: 'device.unreachable' });
    expect(given.platform.joinTokens.has('join-me')).toBe(true);
  });

  test('is refused with the words of the platform, and keeps its key for the next try', async () => {
    await using given = await setUp();
    const refused = await enroll({ ...given.options, joinToken: 'guess' });
    expect(refused).toEqual({ kind: 'refused', status: 401, reason: 'the join token is not known' });
    const key = readFileSync(given.folder.join('identity', 'key.pem'), 'utf8');
    expect(await enroll(given.options)).toMatchObject({ kind: 'enrolled', identity: { key } });
  });

  test('does not keep a certificate for another key', async () => {
    await using given = await setUp();
    const { authority } = given.platform;
    authority.issueDevice = () =>
      TestAuthority.prototype.issueDevice.call(authority, ecKey().signer.publicKey, 'x');
    await expect(enroll(given.options)).rejects.toMatchObject({ code: 'device.answer_invalid' });
    expect(openIdentityFolder(given.options.folder).read()).toBeUndefined();
  });
});

needs('mosquitto', 'mosquitto').describe('with Mosquitto as the broker', () => {
  test('a device connects by its certificate, publishes and receives', async () => {
    await using given = await setUp();
    const enrolled = await enroll(given.options);
    if (enrolled.kind !== 'enrolled') throw new Error(enrolled.reason);
    const port = await freePort();
    await using _broker = await startMosquitto(given, port);
    const device = connectDevice({
      url: `mqtts://localhost:${port}`,
      identity: enrolled.identity,
      random,
      reconnectMaxMs: 200,
    });
    const arrived = Promise.withResolvers<string>();
    await device.subscribe('commands/lamp-1', ({ payload }) => arrived.resolve(String(payload)));
    await device.publish('commands/lamp-1', 'on');
    expect(await arrived.promise).toBe('on');
    await device.close();
  });

  test('a device whose certificate its TLS refuses stops, says so, and goes on with another', async () => {
    await using given = await setUp();
    const enrolled = await enroll(given.options);
    if (enrolled.kind !== 'enrolled') throw new Error(enrolled.reason);
    const { key, signer } = ecKey();
    const stranger = await (await TestAuthority.create('Another root')).issueDevice(
      signer.publicKey,
      'lamp-1',
    );
    const port = await freePort();
    await using _broker = await startMosquitto(given, port);
    const told: ConnectionEvent[] = [];
    const device = connectDevice({
      url: `mqtts://localhost:${port}`,
      identity: {
        ...enrolled.identity,
        chain: encodePem('CERTIFICATE', stranger.der),
        key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
      },
      random,
      reconnectMaxMs: 200,
      onEvent: (event) => void told.push(event),
    });
    await expect
      .poll(() => told.at(-1), { timeout: 10_000 })
      .toMatchObject({
        kind: 'stopped',
        explanation: expect.stringMatching(/refuses this device's certificate: unknown ca/),
      });
    device.replaceIdentity(enrolled.identity);
    await device.publish('telemetry/lamp-1', 'back');
    await device.close();
  });
});

async function startMosquitto(given: Awaited<ReturnType<typeof setUp>>, port: number) {
  const { folder, platform } = given;
  const { cert, key } = await platform.authority.serverCredentials();
  const files = { 'ca.pem': platform.authority.rootPem, 'server.pem': cert, 'server.key': key };
  for (const [name, text] of Object.entries(files)) writeFileSync(folder.join(name), text);
  const settings = [
    `listener ${port} 127.0.0.1`,
    `cafile ${folder.join('ca.pem')}`,
    `certfile ${folder.join('server.pem')}`,
    `keyfile ${folder.join('server.key')}`,
    'require_certificate true',
    'use_identity_as_username true',
    ...(process.getuid?.() === 0 ? ['user root'] : []),
  ];
  writeFileSync(folder.join('mosquitto.conf'), `${settings.join('\n')}\n`);
  return startProgram(requireProgram('mosquitto', 'mosquitto'), ['-c', folder.join('mosquitto.conf')]);
}

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
