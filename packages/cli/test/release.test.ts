import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { needs, openssl } from '@fleetward/testkit';
import { describe, expect, test } from 'vitest';
import { type Cli, openCli, repository } from './cli.ts';

const vectors = join(repository, 'conformance/vectors/signature');

function prepare(cli: Cli, path: string): readonly string[] {
  const vector: { publicKey: string; file: string; signature: string } = JSON.parse(
    readFileSync(join(vectors, path), 'utf8'),
  );
  writeFileSync(cli.home.join('file'), Buffer.from(vector.file, 'base64'));
  writeFileSync(cli.home.join('sig'), Buffer.from(vector.signature, 'base64'));
  writeFileSync(cli.home.join('pub'), vector.publicKey);
  return ['release', 'verify', 'file', '--signature', 'sig', '--key', 'pub', '--json'];
}

describe('release verify', () => {
  test.for(['ed25519', 'rsa-2048-max-salt', 'rsa-2049-max-salt'])('accepts %s', async (name) => {
    using cli = openCli();
    const outcome = await cli.run(prepare(cli, `valid/${name}.json`));
    expect(outcome.json).toMatchObject([{ kind: 'accepted' }]);
    expect(outcome.code).toBe(0);
  });

  test.for(['rsa-2048-salt-0', 'rsa-2048-salt-32', 'rsa-2048-pkcs1', 'other-key', 'ed25519-truncated'])(
    'refuses %s with a reason',
    async (name) => {
      using cli = openCli();
      const outcome = await cli.run(prepare(cli, `invalid/${name}.json`));
      expect(outcome.json).toMatchObject([{ kind: 'refused', explanation: expect.any(String) }]);
      expect(outcome.code).toBe(1);
    },
  );

  test.for(['file', 'sig', 'pub'])('exits with 2 when %s is not there', async (absent) => {
    using cli = openCli();
    const args = prepare(cli, 'valid/ed25519.json').map((word) => (word === absent ? 'absent' : word));
    const outcome = await cli.run(args);
    expect(outcome.error).toMatchObject({ code: 'cli.unreadable' });
    expect(outcome.code).toBe(2);
  });

  test('exits with 2 when the key is none', async () => {
    using cli = openCli();
    const args = prepare(cli, 'valid/ed25519.json');
    writeFileSync(cli.home.join('pub'), 'nonsense');
    const outcome = await cli.run(args);
    expect(outcome.error).toMatchObject({ code: 'cli.unreadable' });
    expect(outcome.code).toBe(2);
  });

  needs('openssl', 'openssl').describe('beside openssl', () => {
    test('accepts what `openssl dgst` signs with the longest salt, and not the same for another file', async () => {
      using cli = openCli();
      const { home } = cli;
      writeFileSync(home.join('file'), 'firmware');
      await openssl(['genrsa', '-out', home.join('key.pem'), '2048']);
      await openssl(['pkey', '-in', home.join('key.pem'), '-pubout', '-out', home.join('pub')]);
      const pss = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:max'];
      const sign = [
        'dgst',
        '-sha256',
        ...pss,
        '-sign',
        home.join('key.pem'),
        '-out',
        home.join('sig'),
        home.join('file'),
      ];
      await openssl(sign);
      const args = ['release', 'verify', 'file', '--signature', 'sig', '--key', 'pub'];
      expect(await cli.run(args)).toMatchObject({ code: 0 });
      writeFileSync(home.join('file'), 'Firmware');
      expect(await cli.run(args)).toMatchObject({ code: 1 });
    });

    test('signs one file so that openssl accepts it', async () => {
      using cli = openCli();
      const { home } = cli;
      const environment = { FLEETWARD_PASSPHRASE: 'correct horse' };
      writeFileSync(home.join('file'), 'firmware');
      await cli.run(['release', 'keygen', 'a.key', '--algorithm', 'rsa-pss'], { environment });
      await cli.run(['release', 'sign-file', 'file', '--key', 'a.key', '--out', 'sig'], { environment });
      const longest = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:350']; // 3072 bits: 384 - 32 - 2
      const verify = [
        'dgst',
        '-sha256',
        ...longest,
        '-verify',
        home.join('a.key.pub'),
        '-signature',
        home.join('sig'),
      ];
      expect((await openssl([...verify, home.join('file')])).toString()).toContain('Verified OK');
    });
  });
});

const onlineKey = 'MCowBQYDK2VwAyEAmEO1oRFN0yRb2A7kwXYXM71YwY9cgjbZNzJHWYQWbPU=';
const passphrases = { FLEETWARD_PASSPHRASE: 'correct horse' };

async function startFolder(cli: Cli): Promise<void> {
  const role = { algorithm: 'ed25519', publicKey: onlineKey };
  writeFileSync(cli.home.join('online.json'), JSON.stringify({ snapshot: role, timestamp: role }));
  for (const name of ['ada', 'bob'])
    await cli.run(['release', 'keygen', `${name}.key`], { environment: passphrases });
  const roots = ['--root-key', 'ada.key', '--root-key', 'bob.key.pub', '--root-threshold', '2'];
  const targets = ['--targets-key', 'ada.key.pub', '--online-keys', 'online.json'];
  expect(await cli.run(['release', 'init', 'releases', ...roots, ...targets])).toMatchObject({ code: 0 });
}

describe('the engineer’s folder', { timeout: 120_000 }, () => {
  test('is signed by two engineers one after another, and is complete only then', async () => {
    using cli = openCli();
    await startFolder(cli);
    writeFileSync(cli.home.join('lamp.img'), 'firmware');
    const about = [
      '--product',
      'lamp',
      '--version',
      '1.4.2',
      '--hardware',
      'rev-b',
      '--security-version',
      '3',
    ];
    const added = await cli.run(['release', 'add', 'releases', 'lamp.img', ...about, '--json']);
    expect(added.json).toMatchObject([
      { path: 'lamp/1.4.2/lamp.img', length: 8, custom: { securityVersion: 3 } },
    ]);

    const signAs = (name: string) =>
      cli.run(['release', 'sign', 'releases', '--key', `${name}.key`, '--json'], {
        environment: passphrases,
      });
    expect((await signAs('ada')).json).toMatchObject([
      { root: { valid: 1, threshold: 2 }, targets: { valid: 1 }, complete: false },
    ]);
    expect(await cli.run(['release', 'status', 'releases'])).toMatchObject({ code: 1 });
    expect((await signAs('bob')).json).toMatchObject([{ root: { valid: 2 }, complete: true }]);
    expect(await cli.run(['release', 'status', 'releases'])).toMatchObject({ code: 0 });
  });

  test('is co-signed by who saw what it adds, and verified as a device would', async () => {
    using cli = openCli();
    await startFolder(cli);
    const run = (...args: readonly string[]) =>
      cli.run(['release', ...args, '--json'], { environment: passphrases });
    writeFileSync(cli.home.join('lamp.img'), 'firmware');
    const about = ['--product', 'lamp', '--version', '1.4.2', '--hardware', 'rev-b'];
    await run('add', 'releases', 'lamp.img', ...about);
    const coSign = ['co-sign', 'releases', '--key', 'bob.key', '--root', 'releases/1.root.json'];
    expect(await run(...coSign, '--yes')).toMatchObject({ code: 2, error: { code: 'cli.usage' } });
    await run('sign', 'releases', '--key', 'ada.key');
    const verify = ['verify', 'releases', '--root', 'releases/1.root.json'];
    expect(await run(...verify)).toMatchObject({
      code: 1,
      json: [{ kind: 'refused', problems: [{ step: '5.2', reason: 'below-threshold' }] }],
    });
    const noRoot = ['co-sign', 'releases', '--key', 'bob.key'];
    expect(await run(...noRoot)).toMatchObject({
      code: 2,
      error: { message: expect.stringMatching(/--yes/) },
    });
    expect(await run(...noRoot, '--yes')).toMatchObject({
      code: 0,
      json: [{ change: { targets: { added: [{ path: 'lamp/1.4.2/lamp.img' }] } }, complete: true }],
    });
    expect(await run(...verify)).toMatchObject({
      code: 0,
      json: [{ kind: 'accepted', root: 1, releases: 1 }],
    });

    expect(await run('expire', 'releases', 'lamp/1.4.2/lamp.img')).toMatchObject({ code: 0 });
    expect(await run('expire', 'releases', 'lamp/9.img')).toMatchObject({
      code: 2,
      error: { code: 'updates.target_invalid' },
    });
    const shown = await cli.run(['release', ...coSign, '--yes'], { environment: passphrases });
    expect(shown.stdout).toMatch(/removed\s+lamp\/1.4.2\/lamp.img\s+firmware\s+lamp\s+1.4.2/);
    expect(shown.stdout).toContain('compared with list 2;');
    expect(await run('rotate', 'releases', '--root-threshold', '1')).toMatchObject({
      json: [
        {
          root: '1 of 2',
          targets: '1 of 1',
          warnings: [
            expect.stringMatching(/root/),
            expect.stringMatching(/targets/),
            expect.stringMatching(/names no director/),
          ],
        },
      ],
    });
    expect(await run('verify', 'releases')).toMatchObject({ code: 2, error: { code: 'cli.usage' } });
  });

  test('says when a key had signed all of it, and when the next root is missing', async () => {
    using cli = openCli();
    await startFolder(cli);
    const run = (...args: readonly string[]) =>
      cli.run(['release', ...args, '--json'], { environment: passphrases });
    await run('keygen', 'eve.key', '--algorithm', 'ecdsa-p256');
    await run('rotate', 'releases'); // root 1 is not signed yet: nothing is made
    const signAs = (name: string) => run('sign', 'releases', '--key', `${name}.key`);
    expect((await signAs('ada')).json).toMatchObject([{ hadSigned: false }]);
    expect((await signAs('ada')).json).toMatchObject([{ hadSigned: true, root: { valid: 1 } }]);
    expect((await signAs('bob')).json).toMatchObject([{ hadSigned: false, complete: true }]);
    const told = await cli.run(['release', 'sign', 'releases', '--key', 'bob.key'], {
      environment: passphrases,
    });
    expect(told.stderr).toContain('had signed all of this before');
    // A key of the old root alone: the new root has as few of its own signatures as before, and yet this is news.
    const roots = ['--root-key', 'bob.key', '--root-key', 'eve.key', '--root-threshold', '2'];
    await run('rotate', 'releases', ...roots);
    expect((await signAs('ada')).json).toMatchObject([{ hadSigned: false }]);
    expect((await signAs('eve')).json).toMatchObject([{ hadSigned: false }]);
    expect((await signAs('eve')).json).toMatchObject([{ hadSigned: true }]);
    expect((await signAs('bob')).json).toMatchObject([{ hadSigned: false, complete: true }]);

    const verify = ['verify', 'releases', '--root', 'releases/1.root.json'];
    expect((await run(...verify)).json).toMatchObject([
      { kind: 'accepted', root: 2, warnings: [expect.stringMatching(/names no director/)] },
    ]);
    rmSync(cli.home.join('releases/2.root.json'));
    expect(await run(...verify)).toMatchObject({
      code: 1,
      json: [{ problems: [{ step: '5.3.3', explanation: expect.stringContaining('no `2.root.json`') }] }],
    });
  });

  test('lets a team sign the releases of its product, which nobody else can, until the delegation ends', async () => {
    using cli = openCli();
    await startFolder(cli);
    const run = (...args: readonly string[]) =>
      cli.run(['release', ...args, '--json'], { environment: passphrases });
    const sign = (...names: readonly string[]) =>
      run('sign', 'releases', ...names.flatMap((name) => ['--key', `${name}.key`]));
    await run('keygen', 'eve.key');
    await run('keygen', 'dan.key');
    const delegate = (...flags: readonly string[]) =>
      run('delegate', 'releases', '--product', 'lock', ...flags);
    expect(await delegate()).toMatchObject({ error: { message: expect.stringMatching(/who is to sign/) } });
    const both = ['--key', 'eve.key.pub', '--key', 'dan.key'];
    expect(await delegate(...both, '--threshold', '3')).toMatchObject({ error: { code: 'cli.usage' } });
    expect((await delegate(...both, '--threshold', '2')).json).toMatchObject([
      { product: 'lock', outcome: 'delegated', keys: 2, threshold: 2 },
    ]);
    writeFileSync(cli.home.join('lock.img'), 'lock');
    writeFileSync(cli.home.join('lock.cdx.json'), '{"bomFormat":"CycloneDX","specVersion":"1.6"}');
    const about = ['--product', 'lock', '--version', '1.0.0', '--hardware', 'rev-a'];
    const add = (...more: readonly string[]) => run('add', 'releases', 'lock.img', ...about, ...more);
    expect(await add('--sbom', 'lock.cdx.json', '--changelog', 'first')).toMatchObject({ code: 0 });
    expect((await sign('ada', 'bob')).json).toMatchObject([
      {
        targets: { valid: 1, threshold: 1 },
        delegated: { lock: { valid: 0, threshold: 2 } },
        complete: false,
      },
    ]);
    const verify = ['verify', 'releases', '--root', 'releases/1.root.json'];
    expect((await run(...verify)).json).toMatchObject([
      { problems: [{ subject: 'lock', step: '5.6.3', reason: 'below-threshold' }] },
    ]);
    expect((await sign('eve', 'dan')).json).toMatchObject([{ complete: true }]);
    expect((await run(...verify)).json).toMatchObject([{ kind: 'accepted', releases: 1 }]);

    // The same once more, which says that it leaves something out.
    const again = await add('--changelog', 'second');
    expect(again.json).toMatchObject([{ dropped: ['bill of materials'] }]);
    expect((await delegate('--remove')).json).toMatchObject([{ outcome: 'removed' }]);
    expect((await sign('ada')).json).toMatchObject([{ complete: true }]);
    expect((await run('list', 'releases')).json).toEqual([]);
    expect(await sign('eve')).toMatchObject({ error: { code: 'updates.key_invalid' } });
    expect(await delegate('--remove')).toMatchObject({ error: { message: '`lock` is not delegated' } });
  });

  test('takes products by any name that a device may have', async () => {
    using cli = openCli();
    await startFolder(cli);
    writeFileSync(cli.home.join('one.img'), 'one');
    for (const product of ['Pump', 'ACME:pump.2', 'root']) {
      const about = ['--product', product, '--version', '1.0.0', '--hardware', 'rev-b', '--json'];
      expect(await cli.run(['release', 'add', 'releases', 'one.img', ...about]), product).toMatchObject({
        code: 0,
      });
    }
  });

  test('takes no second release of a version for the same hardware, and replaces one only when told so', async () => {
    using cli = openCli();
    await startFolder(cli);
    const add = (file: string, version: string, ...more: readonly string[]) => {
      const about = [
        '--product',
        'lamp',
        '--version',
        version,
        '--path',
        `lamp/${version}/lamp.img`,
        ...more,
      ];
      return cli.run(['release', 'add', 'releases', file, ...about, '--json']);
    };
    writeFileSync(cli.home.join('one.img'), 'one');
    writeFileSync(cli.home.join('two.img'), 'two');
    const revB = ['--hardware', 'rev-b'];
    expect(await add('one.img', '1.0.0', ...revB)).toMatchObject({ code: 0 });
    const refused = { code: 2, error: { code: 'updates.target_invalid' } };
    expect(await add('two.img', '1.0', ...revB)).toMatchObject(refused);
    expect(await add('two.img', '1.0', '--hardware', 'rev-c')).toMatchObject({ code: 0 });
    expect(await add('two.img', '1.0.0', ...revB)).toMatchObject(refused);
    expect(await add('one.img', '1.0.0', ...revB, '--changelog', 'said later')).toMatchObject({ code: 0 });
    expect(await add('two.img', '1.0.0', ...revB, '--replace')).toMatchObject({ code: 0 });
  });

  test('holds a patch between two versions, listed beside the release it leads to and withdrawn with it', async () => {
    using cli = openCli();
    await startFolder(cli);
    const run = (...args: readonly string[]) =>
      cli.run(['release', ...args, '--json'], { environment: passphrases });
    const old = createHash('shake256', { outputLength: 50_000 }).update('lamp').digest();
    const images = {
      'old.img': old,
      'new.img': Buffer.concat([old.subarray(0, 9_000), Buffer.from('!'), old]),
    };
    for (const [name, bytes] of Object.entries(images)) writeFileSync(cli.home.join(name), bytes);
    writeFileSync(cli.home.join('other.img'), 'something else');
    const about = ['--product', 'lamp', '--hardware', 'rev-b'];
    await run('add', 'releases', 'old.img', ...about, '--version', '1.0.0');
    await run('add', 'releases', 'new.img', ...about, '--version', '1.1.0');
    const [from, to] = ['lamp/1.0.0/old.img', 'lamp/1.1.0/new.img'];
    const patch = (...flags: readonly string[]) => run('patch', 'releases', ...flags);
    const made = await patch('--from', from, '--to', to);
    expect(made).toMatchObject({ code: 0, json: [{ base: { length: old.length } }] });
    const path = `${to}.${createHash('sha256').update(old).digest('hex')}.patch`;
    expect(made.json).toMatchObject([{ path, length: expect.toSatisfy((length) => length < 12_000) }]);
    // Again, from the file: the same patch takes the place of the first.
    expect(await patch('--from', 'old.img', '--to', to)).toMatchObject({ code: 0, json: [{ path }] });
    const { targets } = JSON.parse(readFileSync(cli.home.join('releases/targets.json'), 'utf8')).signed;
    expect(Object.keys(targets).sort()).toEqual([from, path, to].sort());
    expect(targets[to].custom.patches).toEqual([
      expect.objectContaining({ sha256: targets[path].hashes.sha256 }),
    ]);
    expect((await run('list', 'releases')).json).toMatchObject([{ path: from }, { path: to }]);

    expect(await patch('--from', from, '--to', 'lamp/9.img')).toMatchObject({ code: 2 });
    expect(await patch('--from', to, '--to', to)).toMatchObject({
      error: { message: expect.stringMatching(/same image/) },
    });
    expect(await patch('--from', 'other.img', '--to', to)).toMatchObject({
      error: { message: expect.stringMatching(/saves too little/) },
    });
    await run('expire', 'releases', to);
    const after = JSON.parse(readFileSync(cli.home.join('releases/targets.json'), 'utf8')).signed.targets;
    expect(Object.keys(after)).toEqual([from]);
  });

  test('is signed a second time with ML-DSA-65 where the root demands it', async () => {
    using cli = openCli();
    await startFolder(cli);
    const run = (...args: readonly string[]) =>
      cli.run(['release', ...args, '--json'], { environment: passphrases });
    await run('keygen', 'pq.key', '--algorithm', 'ml-dsa-65');
    const flags = [
      '--root-key',
      'ada.key.pub',
      '--mldsa65-key',
      'pq.key.pub',
      '--online-keys',
      'online.json',
    ];
    expect(await run('init', 'twice', ...flags)).toMatchObject({ code: 0 });
    expect((await run('sign', 'twice', '--key', 'ada.key')).json).toMatchObject([
      { targets: { valid: 1 }, mldsa65: { targets: { valid: 0, threshold: 1 } }, complete: false },
    ]);
    expect((await run('sign', 'twice', '--key', 'pq.key')).json).toMatchObject([
      { mldsa65: { targets: { valid: 1 } }, complete: true },
    ]);
    expect(await run('verify', 'twice', '--root', 'twice/1.root.json')).toMatchObject({ code: 0 });
    expect(await run('rotate', 'twice')).toMatchObject({ code: 0 });
    expect((await run('status', 'twice')).json).toMatchObject([{ mldsa65: { root: { threshold: 1 } } }]);
  });

  test('names the platform’s director where its online keys tell one, and keeps it through rotations', async () => {
    using cli = openCli();
    await cli.run(['release', 'keygen', 'ada.key'], { environment: passphrases });
    const role = { algorithm: 'ed25519', publicKey: onlineKey };
    const online = { snapshot: role, timestamp: role };
    writeFileSync(cli.home.join('without.json'), JSON.stringify(online));
    writeFileSync(cli.home.join('online.json'), JSON.stringify({ ...online, director: role }));
    const run = async (...args: string[]) =>
      (await cli.run(['release', ...args, '--json'], { environment: passphrases })).json?.[0];
    const directorOf = (folder: string) =>
      JSON.parse(readFileSync(cli.home.join(`${folder}/root.json`), 'utf8')).signed['x-fleetward']?.roles;
    const warning = expect.stringMatching(/names no director/);
    const init = (folder: string, file: string) =>
      run('init', folder, '--root-key', 'ada.key', '--online-keys', file);
    expect(await init('free', 'without.json')).toMatchObject({
      warnings: [expect.any(String), expect.any(String), warning],
    });
    expect(directorOf('free')).toBeUndefined();
    expect(await init('directed', 'online.json')).toMatchObject({
      warnings: expect.not.arrayContaining([warning]),
    });
    const named = { director: { keyids: [expect.any(String)], threshold: 1 } };
    expect(directorOf('directed')).toEqual(named);
    await run('sign', 'directed', '--key', 'ada.key');
    expect(await run('rotate', 'directed', '--online-keys', 'without.json')).toBeDefined();
    expect(directorOf('directed')).toEqual(named);
    await run('sign', 'directed', '--key', 'ada.key');
    expect(await run('rotate', 'directed', '--without-director')).toMatchObject({
      warnings: expect.arrayContaining([warning]),
    });
    expect(directorOf('directed')).toBeUndefined();
  });

  test('keeps the key encrypted and private, and never writes over one', async () => {
    using cli = openCli();
    const make = () => cli.run(['release', 'keygen', 'ada.key', '--json'], { environment: passphrases });
    expect(await make()).toMatchObject({ code: 0 });
    const file = cli.home.join('ada.key');
    const before = readFileSync(file, 'utf8');
    expect(statSync(file).mode & 0o077).toBe(0);
    expect(before).not.toContain('PRIVATE KEY');
    expect(await make()).toMatchObject({ code: 1, error: { code: 'cli.unwritable' } });
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  test('stays locked to a wrong passphrase', async () => {
    using cli = openCli();
    await startFolder(cli);
    writeFileSync(cli.home.join('pass'), 'wrong horse\n');
    const args = ['release', 'sign', 'releases', '--key', 'ada.key', '--passphrase-file', 'pass', '--json'];
    expect(await cli.run(args)).toMatchObject({ code: 1, error: { code: 'updates.key_locked' } });
  });

  test('asks for no passphrase when there is such a file already, and leaves it alone', async () => {
    using cli = openCli();
    for (const present of ['ada.key', 'bea.key.pub']) {
      writeFileSync(cli.home.join(present), 'mine');
      // Without a passphrase to be read: had it asked, it would complain of that.
      const outcome = await cli.run(['release', 'keygen', present.slice(0, 7), '--json']);
      expect(outcome.error).toMatchObject({
        code: 'cli.unwritable',
        message: expect.stringMatching(present),
      });
      expect(readFileSync(cli.home.join(present), 'utf8')).toBe('mine');
    }
  });

  test.for(['status', 'publish'])('%s names a folder that holds no releases', async (verb) => {
    using cli = openCli();
    const outcome = await cli.run(['release', verb, 'nofolder', '--json']);
    expect(outcome.error).toMatchObject({
      message: expect.stringMatching(/`nofolder` is no folder of releases/),
    });
    expect(existsSync(cli.home.join('nofolder'))).toBe(false);
  });

  test('a passphrase that is nowhere is asked for by naming the flag', async () => {
    using cli = openCli();
    const outcome = await cli.run(['release', 'keygen', 'ada.key', '--json']);
    expect(outcome.error.hint).toContain('--passphrase-file');
    expect(outcome.code).toBe(2);
  });
});
