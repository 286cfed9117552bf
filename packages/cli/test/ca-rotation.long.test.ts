import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { enroll, openIdentityFolder, renew } from '@fleetward/device';
import { createOperatorToken, getIssuanceLogInclusion, listCas } from '@fleetward/protocol';
import { needs, openssl, requireProgram, runProgram } from '@fleetward/testkit';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import { expect, test } from 'vitest';
import { type CliOutcome, openCli } from './cli.ts';

const timeout = 300_000;
const secret = { FLEETWARD_PASSPHRASE: 'a passphrase of the root' };

/** The command line on a platform of its own, which is also the machine with the root's key. */
async function openWorld() {
  const platform = await startTestPlatform();
  const cli = openCli();
  let caFile = platform.rootFile;
  const token = (await platform.api.call(createOperatorToken, { body: {} })).secret;
  const run = (args: readonly string[]): Promise<CliOutcome> => {
    const url = `https://localhost:${platform.platform.ports.operators}`;
    const environment = { FLEETWARD_URL: url, FLEETWARD_CA: caFile, FLEETWARD_TOKEN: token };
    return cli.run(['ca', ...args, '--json'], { environment: { ...environment, ...secret } });
  };
  const asKept = (...args: readonly string[]) =>
    cli.run(args, { environment: { XDG_CONFIG_HOME: cli.home.join('kept') } });
  return {
    platform,
    at: (name: string) => cli.home.join(name),
    run,
    /** The command line of an operator who keeps address, first root and token. */
    asKept,
    keep() {
      mkdirSync(cli.home.join('kept/fleetward'), { recursive: true });
      const url = `https://localhost:${platform.platform.ports.operators}`;
      const context = JSON.stringify({ url, token, ca: platform.rootPem });
      writeFileSync(cli.home.join('kept/fleetward/context.json'), context, { mode: 0o600 });
    },
    /** The root that the command line believes from now on. */
    believe(file: string) {
      caFile = file;
    },
    /** Runs one that must work; its first line of JSON. */
    async say(...args: readonly string[]): Promise<Record<string, unknown>> {
      const outcome = await run(args);
      expect(outcome, args.join(' ')).toMatchObject({ code: 0, stderr: '' });
      return outcome.json[0] as Record<string, unknown>;
    },
    online: ['--root', platform.rootFile, '--folder', platform.config.folder] as const,
    offline: ['--root', cli.home.join('root-2.pem'), '--key', cli.home.join('root-2.key')] as const,
    async [Symbol.asyncDispose]() {
      cli[Symbol.dispose]();
      await platform.stop();
    },
  };
}

/** The subject of the CA that issued a device's certificate. */
async function issuerOf({ certFile }: TestDevice): Promise<string> {
  return (await openssl(['x509', '-in', certFile, '-noout', '-issuer'])).toString().trim();
}

/** openssl's verdict on a chain, from this root alone. */
async function verify(certFile: string, rootFile: string, ...more: readonly string[]): Promise<string> {
  const trust = ['-CAfile', rootFile, '-untrusted', certFile, ...more];
  return (await openssl(['verify', '-no-CApath', '-no-CAstore', ...trust, certFile])).toString().trim();
}

/** Whether the platform answers the device's CONNECT. */
async function isAdmitted({ platform }: TestPlatform, device: TestDevice, ca: string) {
  const socket = connect({
    port: platform.ports.mqtt,
    host: '127.0.0.1',
    servername: 'localhost',
    ca,
    key: device.key,
    cert: device.cert,
  });
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  // MQTT 5 CONNECT, clean start, client id `x`: a principal without a policy is answered, a stranger is cut without a word.
  const connectPacket = Buffer.from([0x10, 14, 0, 4, 0x4d, 0x51, 0x54, 0x54, 5, 2, 0, 60, 0, 0, 1, 0x78]);
  socket.once('secureConnect', () => socket.write(connectPacket));
  socket.once('data', () => resolve(true));
  socket.once('close', () => resolve(false));
  socket.once('error', reject);
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

/** The chain that the platform presents, to a client that trusts this root alone; rejects when it does not verify. */
async function serverChain(platform: TestPlatform, ca: string): Promise<string> {
  const socket = connect({
    port: platform.platform.ports.mqtt,
    host: '127.0.0.1',
    servername: 'localhost',
    ca,
  });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  socket.once('secureConnect', () => resolve(String(socket.getPeerCertificate(true).issuer.CN)));
  socket.once('error', reject);
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

/** A request to the device listener, with the device's certificate. */
async function request(platform: TestPlatform, device: TestDevice, [path, ...args]: readonly string[]) {
  const url = `https://localhost:${platform.platform.ports.devices}${path}`;
  const by = ['--cert', device.certFile, '--key', device.keyFile, '--cacert', platform.rootFile];
  const { code, stderr } = await runProgram(requireProgram('curl', 'curl'), [
    '-sS',
    '--fail',
    '-o',
    '/dev/null',
    ...by,
    ...args,
    url,
  ]);
  expect([code, stderr]).toEqual([0, '']);
}

/** A device of the SDK; `renewed` answers the subjects of the roots it believes then. */
async function openDevice({ platform, newJoinToken, rootPem }: TestPlatform, folder: string) {
  const device = { url: `https://localhost:${platform.ports.devices}`, folder, clock: Date };
  const joinToken = await newJoinToken('sdk');
  const outcome = await enroll({ ...device, trust: rootPem, joinToken, name: 'sdk' });
  expect(outcome.kind).toBe('enrolled');
  return {
    async renewed(url = device.url): Promise<readonly string[]> {
      expect((await renew({ ...device, url })).kind).toBe('renewed');
      const { root } = openIdentityFolder(folder).read()!;
      const texts = await Promise.all(
        root
          .split(/(?<=-----END CERTIFICATE-----\n)/)
          .map((input) => openssl(['x509', '-noout', '-subject'], { input })),
      );
      return texts
        .map((text) =>
          text
            .toString()
            .replace(/.*CN = /, '')
            .trim(),
        )
        .sort();
    },
  };
}

needs('openssl', 'openssl').describe('rotation of the CAs', () => {
  test('a second issuing CA takes over, what the first issued stays good, and after its removal it is shut out', {
    timeout,
  }, async () => {
    await using world = await openWorld();
    const { platform, at, say, online } = world;
    const before = await platform.enrol('before');
    const request = ['request-intermediate', '--out'];
    const made = await say(...request, at('2.csr'), '--algorithm', 'ecdsa-p384');
    expect((await say(...request, at('again.csr'), '--algorithm', 'ecdsa-p384')).keyName).toBe(made.keyName);
    expect((await openssl(['req', '-in', at('2.csr'), '-verify', '-noout'])).toString()).toBe('');

    const expected = ['--expect', String(made.publicKeySha256)];
    await say('sign-intermediate', ...online, '--csr', at('2.csr'), '--out', at('2.pem'), ...expected);
    expect(await openssl(['x509', '-in', at('2.pem'), '-noout', '-text'])).toSatisfy((text: Buffer) =>
      text.toString().includes('Public-Key: (384 bit)'),
    );
    await say('import', at('2.pem'));
    const after = await platform.enrol('after');
    expect(await issuerOf(after)).toBe('issuer=CN = Fleetward Issuing CA 2');
    for (const { certificateId } of (await platform.api.call(listCas)).cas) {
      const { entry } = await platform.api.call(getIssuanceLogInclusion, { params: { certificateId } });
      expect(entry.certificateId, 'every CA is in the issuance log').toBe(certificateId);
    }
    for (const device of [before, after]) {
      expect(await verify(device.certFile, platform.rootFile)).toMatch(/: OK$/);
      expect(await isAdmitted(platform, device, platform.rootPem)).toBe(true);
    }
    await platform.restart();
    for (const device of [before, after])
      expect(await isAdmitted(platform, device, platform.rootPem)).toBe(true);

    const { cas } = await platform.api.call(listCas);
    const first = cas.find(({ subject }) => subject.includes('CA 1'))?.certificateId ?? '';
    // The platform's own certificates, the one before too, count neither way.
    const forecast = await say('readiness', first);
    expect(forecast).toMatchObject({
      unready: 1,
      byReason: { certificate: 1, 'server-trust': 0 },
      canIssue: true,
    });
    expect(forecast.certificates).toContainEqual(
      expect.objectContaining({ thingNames: ['before'], reasons: ['certificate'] }),
    );
    await say('set-state', first, 'retired');
    expect(await isAdmitted(platform, before, platform.rootPem)).toBe(true);
    await say('set-state', first, 'removed', '--yes');
    expect(await isAdmitted(platform, before, platform.rootPem)).toBe(false);
    expect(await isAdmitted(platform, after, platform.rootPem)).toBe(true);
    world.keep();
    const listed = await world.asKept('cert', 'list', '--thing', 'before');
    expect(listed.stdout).toContain('ACTIVE, but its CA is removed');
    expect(await world.run(['import', at('2.pem')])).toMatchObject({ code: 0, json: [] });
  });

  test('a root that is kept off line takes over: who trusts one root only finds a way through the other’s cross-certificate', {
    timeout,
  }, async () => {
    await using world = await openWorld();
    const { platform, at, say, online, offline } = world;
    const before = await platform.enrol('before');
    const fetching = await platform.enrol('fetching');
    const sdk = await openDevice(platform, at('sdk'));
    await say('init-root', '--key', at('root-2.key'), '--out', at('root-2.pem'), '--common-name', 'Root 2');
    const key = ['pkey', '-in', at('root-2.key'), '-passin', 'env:FLEETWARD_PASSPHRASE', '-noout'];
    await openssl(key, { environment: { PATH: process.env.PATH, ...secret } });
    await say('request-intermediate', '--out', at('2.csr'), '--algorithm', 'rsa-3072');
    await say('sign-intermediate', ...offline, '--csr', at('2.csr'), '--out', at('2.pem'), '--yes');
    // Without its root it would not be believed.
    expect(await world.run(['import', at('2.pem')])).toMatchObject({
      code: 1,
      error: { code: 'certificates.ca_refused' },
    });
    expect(
      await world.run(['import', at('root-2.pem'), at('2.pem')]),
      'no way to it from the old root',
    ).toMatchObject({
      code: 1,
      error: { message: expect.stringContaining('--without-cross') },
    });
    const cross = (by: readonly string[], other: string, out: string) =>
      say('cross-sign', ...by, '--certificate', other, '--out', at(out));
    await cross(online, at('root-2.pem'), 'new-by-old.pem');
    await cross(offline, platform.rootFile, 'old-by-new.pem');
    const files = ['root-2.pem', 'new-by-old.pem', 'old-by-new.pem', '2.pem'].map(at);
    expect((await world.run(['import', ...files])).json).toHaveLength(4);

    for (let times = 0; times < 2; times++) await request(platform, fetching, ['/.well-known/est/cacerts']);
    const after = await platform.enrol('after');
    for (const device of [before, after]) {
      expect(await verify(device.certFile, platform.rootFile)).toMatch(/: OK$/);
      expect(await verify(device.certFile, at('root-2.pem'), '-untrusted', at('old-by-new.pem'))).toMatch(
        /OK$/,
      );
    }
    const newRoot = (await openssl(['x509', '-in', at('root-2.pem')])).toString();
    await expect.poll(() => serverChain(platform, newRoot), { timeout: 60_000 }).toContain('CA 2');
    expect(await serverChain(platform, platform.rootPem)).toContain('CA 2');
    await platform.restart();
    for (const device of [before, after])
      for (const ca of [platform.rootPem, newRoot]) expect(await isAdmitted(platform, device, ca)).toBe(true);

    const url = () => `https://localhost:${platform.platform.ports.devices}`;
    expect(await sdk.renewed(url())).toEqual(['Fleetward Root CA', 'Root 2']);

    await request(platform, before, ['/v1/report', '--json', '{"protocolVersion":1}']);

    // The old root goes: what it certified is believed through the new one, until that cross-certificate goes too.
    const cas = (await platform.api.call(listCas)).cas;
    const idOf = (text: string, kind: string) =>
      cas.find((ca) => ca.subject.includes(text) && ca.kind === kind)?.certificateId ?? '';
    const forecast = await say('readiness', idOf('Fleetward Root CA', 'root'));
    const oldRoot = idOf('Fleetward Root CA', 'root');
    expect(forecast).toMatchObject({ byReason: { certificate: 0 }, canIssue: true, rootsLost: [oldRoot] });
    expect(forecast.certificates).toContainEqual(
      expect.objectContaining({
        thingNames: ['before'],
        reasons: ['server-trust'],
        lastSeenMs: expect.any(Number),
      }),
    );
    for (const ready of ['after', 'fetching', 'sdk'])
      expect(forecast.certificates, ready).not.toContainEqual(
        expect.objectContaining({ thingNames: [ready] }),
      );
    world.keep();
    const unasked = await world.asKept('ca', 'set-state', oldRoot, 'removed');
    expect([unasked.code, unasked.stderr]).toEqual([
      2,
      expect.stringContaining('the only root that you trust here yourself'),
    ]);
    const removal = await world.asKept('ca', 'set-state', oldRoot, 'removed', '--yes');
    expect(removal).toMatchObject({ code: 0, stderr: expect.stringContaining('`fleetward operator trust') });
    await expect.poll(async () => (await world.asKept('operator', 'whoami')).code).toBe(1);
    expect(await world.asKept('operator', 'trust', at('root-2.pem'))).toMatchObject({ code: 0 });
    expect(await world.asKept('operator', 'whoami')).toMatchObject({ code: 0 });
    world.believe(at('root-2.pem'));
    for (const device of [before, after]) expect(await isAdmitted(platform, device, newRoot)).toBe(true);
    expect(await sdk.renewed(url())).toEqual(['Root 2']);
    const last = await say('readiness', idOf('Fleetward Root CA', 'cross'));
    expect(last.certificates).toContainEqual(
      expect.objectContaining({ thingNames: ['before'], reasons: ['certificate'] }),
    );
    await say('set-state', idOf('Fleetward Root CA', 'cross'), 'removed', '--yes');
    expect(await isAdmitted(platform, before, newRoot)).toBe(false);
    expect(await isAdmitted(platform, after, newRoot)).toBe(true);
  });

  test('what is no CA of this platform is not imported, and nothing of that file is', {
    timeout,
  }, async () => {
    await using world = await openWorld();
    const { platform, at, say, run } = world;
    await say('init-root', '--key', at('r.key'), '--out', at('r.pem'), '--common-name', 'Root 2');
    const device = await platform.enrol('lamp');
    writeFileSync(at('mixed.pem'), device.cert);
    const refused = { code: 1, error: { code: 'certificates.ca_refused' } };
    expect(await run(['import', at('r.pem'), at('mixed.pem')])).toMatchObject(refused);
    expect((await platform.api.call(listCas)).cas).toHaveLength(2);
    expect(
      await run([
        'cross-sign',
        '--root',
        at('r.pem'),
        '--key',
        at('r.key'),
        '--certificate',
        device.certFile,
        '--out',
        at('x'),
      ]),
    ).toMatchObject({ code: 2 });
  });
});
