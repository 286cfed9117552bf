import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { runProgram, type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { Key } from '@tufjs/models';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { followCommandLine } from '../../../conformance/adapters/tuf-client/command-line.ts';
import { fakeClock, fileOf, lampRelease, publishedRepository } from './kit.ts';
import {
  type Delegation,
  inDays,
  newKey,
  type SimulatedKey,
  TufSimulator,
  underId,
} from './tuf-simulator.ts';

// What the public suite checks, by our own cases: its command line, and the behaviour it reads off files and requests.
const program = join(import.meta.dirname, '../../../conformance/adapters/tuf-client/tuf-client');

let folder: TemporaryFolder;

beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

/** The exit code that the program would have: to start it each time costs more than all it does. */
async function run(...args: readonly string[]): Promise<number> {
  try {
    await followCommandLine(['--metadata-dir', folder.path, ...args]);
    return 0;
  } catch (error) {
    expect(error).not.toBeInstanceOf(TypeError); // a reason, and no bug
    return 1;
  }
}

const init = (root: Uint8Array) => {
  writeFileSync(folder.join('initial'), root);
  return run('init', folder.join('initial'));
};
const refresh = ({ url }: { readonly url: string }) => run('--metadata-url', `${url}/metadata/`, 'refresh');
const download = ({ url }: { readonly url: string }, name: string) =>
  run(
    ...['--metadata-url', `${url}/metadata`, '--target-name', name],
    ...['--target-base-url', `${url}/targets`, '--target-dir', folder.path, 'download'],
  );

/** Trusted roles and their versions. */
function trusted(): Readonly<Record<string, number>> {
  const names = readdirSync(folder.path).filter((name) => name.endsWith('.json'));
  return Object.fromEntries(
    names.map((name) => [
      name.slice(0, -5),
      JSON.parse(readFileSync(folder.join(name), 'utf8')).signed.version as number,
    ]),
  );
}

async function started(): Promise<TufSimulator> {
  const repository = await TufSimulator.start();
  expect(await init(repository.root(1))).toBe(0);
  return repository;
}

test('the program ends with 0, or with 1 and the reason in one line', async () => {
  await using repository = await TufSimulator.start();
  writeFileSync(folder.join('initial'), repository.root(1));
  const environment = { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE };
  const start = (...args: readonly string[]) =>
    runProgram(program, ['--metadata-dir', folder.path, ...args], { environment });
  expect(await start('init', folder.join('initial'))).toMatchObject({ code: 0, stderr: '' });
  expect(await start('--metadata-url', repository.url, 'refresh')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^tuf-client: [^\n]+\n$/),
  });
});

describe('the conformance client', () => {
  test('asks for what it needs, in order, and stores it unversioned, byte for byte', async () => {
    await using repository = await started();
    expect(await refresh(repository)).toBe(0);
    expect(repository.requests).toEqual([
      '2.root.json',
      'timestamp.json',
      '1.snapshot.json',
      '1.targets.json',
    ]);
    expect(trusted()).toEqual({ root: 1, timestamp: 1, snapshot: 1, targets: 1 });
    repository.draft('targets').extra = { b: 1, a: [2] };
    repository.draft('targets').version++;
    repository.write('targets', { indent: 3 }); // signatures are over the canonical form, not over these bytes
    (repository.draft('snapshot').meta as Record<string, object>)['targets.json'] = { version: 2 };
    repository.publish('snapshot', 'timestamp');
    expect(await refresh(repository)).toBe(0);
    expect(readFileSync(folder.join('targets.json'))).toEqual(
      repository.files.get('metadata/2.targets.json'),
    );
  });

  test('refuses a first root that is malformed or unsigned before it asks for anything', async () => {
    await using repository = await TufSimulator.start();
    const root = JSON.parse(Buffer.from(repository.root(1)).toString());
    const unsigned = { ...root, signatures: [{ ...root.signatures[0], sig: 'ab'.repeat(64) }] };
    const malformed = { ...root, signed: { ...root.signed, version: undefined } };
    for (const bad of [unsigned, malformed]) {
      await init(Buffer.from(JSON.stringify(bad)));
      expect(await refresh(repository)).toBe(1);
    }
    expect(repository.requests).toEqual([]);
  });

  test.each([
    ['root', { root: 1 }],
    ['timestamp', { root: 1 }],
    ['snapshot', { root: 1, timestamp: 1 }],
    ['targets', { root: 1, timestamp: 1, snapshot: 1 }],
  ] as const)('trusts what comes before an unsigned %s, and nothing after it', async (role, expected) => {
    await using repository = await started();
    repository.signers.set(role, []);
    if (role === 'root') repository.publish('root');
    else repository.write(role);
    expect(await refresh(repository)).toBe(1);
    expect(trusted()).toEqual(expected);
  });

  test('keeps a timestamp of the same version, and refuses older ones of any role', async () => {
    await using repository = await started();
    repository.publish('targets', 'snapshot', 'timestamp');
    expect(await refresh(repository)).toBe(0);
    const newest = { root: 1, timestamp: 2, snapshot: 2, targets: 2 };
    const meta = repository.draft('timestamp').meta as Record<string, object>;
    meta['snapshot.json'] = { version: 100 };
    repository.write('timestamp');
    expect(await refresh(repository)).toBe(0);
    expect(trusted()).toEqual(newest);
    repository.draft('timestamp').version = 1;
    repository.write('timestamp');
    expect(await refresh(repository)).toBe(1);
    repository.draft('timestamp').version = 2;
    meta['snapshot.json'] = { version: 1 };
    repository.publish('timestamp');
    expect(await refresh(repository)).toBe(1);
    (repository.draft('snapshot').meta as Record<string, object>)['targets.json'] = { version: 1 };
    repository.publish('snapshot', 'timestamp');
    expect(await refresh(repository)).toBe(1);
    expect(trusted()).toMatchObject({ snapshot: 2, targets: 2 });
  }, 60_000);

  test('takes lengths and hashes of metadata where they are given, and refuses wrong ones', async () => {
    await using repository = await started();
    repository.withHashes = true;
    repository.publish('targets', 'snapshot', 'timestamp');
    expect(await refresh(repository)).toBe(0);
    repository.publish('targets');
    const meta = repository.draft('snapshot').meta as Record<string, Record<string, unknown>>;
    meta['targets.json']!.hashes = { sha256: 'ab'.repeat(32) };
    repository.publish('snapshot', 'timestamp');
    expect(await refresh(repository)).toBe(1);
    expect(trusted()).toMatchObject({ snapshot: 3, targets: 2 });
  });

  test('lets the repository recover from versions an attacker ran ahead, by new keys', async () => {
    await using repository = await started();
    for (const role of ['targets', 'snapshot', 'timestamp']) repository.draft(role).version = 1000;
    repository.publish('targets', 'snapshot', 'timestamp');
    expect(await refresh(repository)).toBe(0);
    for (const role of ['snapshot', 'timestamp']) repository.setKeys(role, { keys: [newKey()] });
    for (const role of ['targets', 'snapshot', 'timestamp']) repository.draft(role).version = 1;
    repository.publish('root', 'targets', 'snapshot', 'timestamp');
    expect(await refresh(repository)).toBe(0);
    expect(trusted()).toEqual({ root: 2, timestamp: 2, snapshot: 2, targets: 2 });
  });

  test.each(['root', 'timestamp', 'snapshot', 'targets'])(
    'does not go on with an expired %s',
    async (role) => {
      await using repository = await started();
      expect(await refresh(repository)).toBe(0);
      repository.draft(role).expires = inDays(-1);
      repository.publish(...new Set([role, 'targets', 'snapshot', 'timestamp']));
      expect(await refresh(repository)).toBe(1);
      // Only an expired root is kept: its successor is found through it (TUF 5.3.10).
      expect(trusted()[role]).toBe(role === 'root' ? 2 : 1);
    },
  );

  test.each(['ed25519', 'ecdsa-sha2-nistp256', 'rsassa-pss-sha256'] as const)(
    'verifies %s',
    async (scheme) => {
      await using repository = await TufSimulator.start(scheme);
      if (scheme === 'ecdsa-sha2-nistp256') {
        // The older spelling of the key type, and an id that is no hash.
        const { key, sign } = newKey(scheme);
        const old = new Key({ keyID: 'timestamp-key', keyType: scheme, scheme, keyVal: key.keyVal });
        repository.setKeys('timestamp', { keys: [{ key: old, sign }] });
        repository.publish('root', 'timestamp');
      }
      expect(await init(repository.root(1))).toBe(0);
      expect(await refresh(repository)).toBe(0);
    },
  );
});

const k = Array.from({ length: 10 }, () => newKey());
const pick = (...at: readonly number[]): readonly SimulatedKey[] => at.map((index) => k[index]!);

describe('keys and thresholds', () => {
  interface Version {
    readonly keys: readonly SimulatedKey[];
    readonly threshold: number;
    readonly signers: readonly SimulatedKey[];
  }
  const v = (keys: readonly number[], threshold: number, signers: readonly number[]): Version => ({
    keys: pick(...keys),
    threshold,
    signers: pick(...signers),
  });

  test.each([
    ['1 of 1, rotated', [v([1], 1, [1]), v([2], 1, [2, 1]), v([2], 1, [2])], 3],
    [
      '3 of 5, rotated by steps',
      [v([0, 1, 2, 3, 4], 3, [0, 2, 4]), v([5, 6, 7, 8, 9], 3, [0, 2, 4, 5, 6, 7])],
      2,
    ],
    ['a threshold raised', [v([1, 2, 3], 1, [1]), v([1, 2, 3], 2, [1, 2])], 2],
    ['not signed by the old key', [v([1], 1, [1]), v([2], 1, [2, 3])], 1],
    ['not signed by the new key', [v([1], 1, [1]), v([2], 1, [1, 3])], 1],
    ['a raised threshold not met', [v([1, 2, 3], 1, [1]), v([1, 2, 3], 2, [2])], 1],
    ['a lowered one, the old not met', [v([1, 2, 3], 2, [1, 2]), v([1, 2, 3], 1, [1])], 1],
  ])('of roots: %s', async (_, versions, last) => {
    await using repository = await TufSimulator.start();
    repository.draft('root').version = 0;
    for (const version of versions) {
      repository.setKeys('root', version);
      repository.publish('root');
    }
    expect(await init(repository.root(1))).toBe(0);
    expect(await refresh(repository)).toBe(last === versions.length ? 0 : 1);
    expect(readFileSync(folder.join('root.json'))).toEqual(repository.root(last));
  });

  test('count a key once, however many ids it has', async () => {
    await using repository = await started();
    const many = Array.from({ length: 5 }, (_, at) => underId(k[0]!, `id-${at}`));
    repository.setKeys('snapshot', { keys: [...many, k[1]!], threshold: 3 });
    repository.publish('root', 'snapshot', 'timestamp');
    expect(await refresh(repository)).toBe(1);
    repository.setKeys('snapshot', { keys: [...many, ...pick(1, 2)], threshold: 3 });
    repository.publish('root', 'snapshot', 'timestamp');
    expect(await refresh(repository)).toBe(0);
  });

  test('stop at a bound of new roots in one refresh, and go on in the next', async () => {
    await using repository = await started();
    for (let version = 2; version <= 300; version++) repository.publish('root');
    expect(await refresh(repository)).toBe(0);
    expect(trusted().root).toBe(257);
    expect(await refresh(repository)).toBe(0);
    expect(trusted().root).toBe(300);
  }, 60_000);
});

describe('delegations', () => {
  const to = (name: string, paths = ['*'], terminating = false): Delegation => ({ name, paths, terminating });
  const graphs: Readonly<Record<string, readonly [Readonly<Record<string, readonly Delegation[]>>, string]>> =
    {
      'in order, depth first': [{ targets: [to('A'), to('B')], A: [to('C'), to('D')] }, 'A C D B'],
      'down to the third level': [{ targets: [to('A'), to('B')], A: [to('C')], C: [to('D')] }, 'A C D B'],
      'not beyond a terminating one': [
        { targets: [to('A'), to('B')], A: [to('C', ['*'], true), to('D')] },
        'A C',
      ],
      'below a terminating one': [
        { targets: [to('A'), to('B')], A: [to('C', ['*'], true)], C: [to('D')] },
        'A C D',
      ],
      'only where the path matches': [{ targets: [to('A', ['*.py']), to('B')], A: [to('C')] }, 'B'],
      'round a circle once': [{ targets: [to('A')], A: [to('B')], B: [to('A'), to('C')] }, 'A B C'],
      'through the first that matches': [
        { targets: [to('A'), to('B')], A: [to('C', ['*.py'])], B: [to('C')] },
        'A B C',
      ],
    };

  function build(repository: TufSimulator, graph: Readonly<Record<string, readonly Delegation[]>>): void {
    for (const [from, delegations] of Object.entries(graph)) repository.delegate(from, delegations);
    const delegated = [...repository.drafts.keys()].filter(
      (name) => !['root', 'timestamp', 'snapshot'].includes(name),
    );
    repository.publish(...delegated, 'snapshot', 'timestamp');
  }

  test.each(Object.entries(graphs))('are walked %s', async (_, [graph, order]) => {
    await using repository = await started();
    build(repository, graph);
    expect(await download(repository, 'missing')).toBe(1);
    expect(repository.requests.slice(4)).toEqual(order.split(' ').map((name) => `1.${name}.json`));
  });

  test('match with wildcards that stop at a slash, all along the chain', async () => {
    await using repository = await started();
    repository.delegate('targets', [to('B', ['releases/*/*'])]);
    repository.delegate('B', [to('C', ['releases/x/*']), to('D', ['releases/y/*.zip'])]);
    repository.addTarget('C', 'releases/x/x_v1', 'by C');
    repository.addTarget('D', 'releases/y/y v1#?.zip', 'by D');
    repository.addTarget('D', 'releases/z/z_v1.zip', 'by D, not its own');
    repository.publish('C', 'D', 'B', 'targets', 'snapshot', 'timestamp');
    expect(await download(repository, 'releases/x/x_v1')).toBe(0);
    expect(await download(repository, 'releases/y/y v1#?.zip')).toBe(0);
    expect(repository.downloads.at(-1)).toMatch(/^releases\/y\/[0-9a-f]{64}\.y%20v1%23%3F\.zip$/);
    expect(await download(repository, 'releases/z/z_v1.zip')).toBe(1);
  });

  test('match by the hash of the path, in a list and in succinct bins', async () => {
    await using repository = await started();
    const hash = createHash('sha256').update('lamp.img').digest('hex');
    const wrong = hash.startsWith('0') ? '1' : '0';
    repository.delegate('targets', [
      { name: 'A', path_hash_prefixes: [wrong] },
      { name: 'B', path_hash_prefixes: [hash.slice(0, 2)] },
    ]);
    repository.addTarget('B', 'lamp.img', 'by hash');
    repository.publish('B', 'A', 'targets', 'snapshot', 'timestamp');
    expect(await download(repository, 'lamp.img')).toBe(0);
    expect(repository.requests).not.toContain('1.A.json');

    const bin = `bin-${(Number.parseInt(hash.slice(0, 2), 16) >> 4).toString(16)}`;
    repository.delegate('targets', [{ name: bin, paths: [] }]);
    const signer = repository.signers.get(bin)![0]!.key;
    const succinct = { keyids: [signer.keyID], threshold: 1, bit_length: 4, name_prefix: 'bin' };
    repository.delegate('targets', [], {
      keys: { [signer.keyID]: signer.toJSON() },
      succinct_roles: succinct,
    });
    repository.addTarget(bin, 'lamp.img', 'by bin');
    repository.publish(bin, 'targets', 'snapshot', 'timestamp');
    expect(await download(repository, 'lamp.img')).toBe(0);
    expect(readFileSync(folder.join('lamp.img'), 'utf8')).toBe('by bin');
  });

  test.each(['?', '#', '/delegated', '../delegated', 'a b%2F'])(
    'to a role named %j stay in their folder',
    async (name) => {
      await using repository = await started();
      build(repository, { targets: [to(name)] });
      expect(await download(repository, 'missing')).toBe(1);
      expect(repository.requests.at(-1)).toBe(`1.${encodeURIComponent(name)}.json`);
      expect(Object.keys(trusted())).toHaveLength(5);
    },
  );

  test('that expired bring nothing', async () => {
    await using repository = await started();
    repository.delegate('targets', [to('A')]);
    repository.addTarget('A', 'lamp.img', 'too late');
    repository.draft('A').expires = inDays(-1);
    repository.publish('A', 'targets', 'snapshot', 'timestamp');
    expect(await download(repository, 'lamp.img')).toBe(1);
    expect(trusted()).toEqual({ root: 1, timestamp: 2, snapshot: 2, targets: 2 });
  });
});

describe('artifacts', () => {
  test('are fetched once, replaced when they change, and never by what does not verify', async () => {
    await using repository = await started();
    repository.addTarget('targets', 'lamp.img', 'one');
    repository.publish('targets', 'snapshot', 'timestamp');
    expect(await download(repository, 'lamp.img')).toBe(0);
    expect(await download(repository, 'lamp.img')).toBe(0);
    expect(repository.downloads).toHaveLength(1);
    repository.addTarget('targets', 'lamp.img', 'two');
    repository.publish('targets', 'snapshot', 'timestamp');
    for (const path of repository.files.keys())
      if (path.startsWith('targets/')) repository.files.set(path, Buffer.from('bad'));
    expect(await download(repository, 'lamp.img')).toBe(1);
    expect(readFileSync(folder.join('lamp.img'), 'utf8')).toBe('one');
    repository.addTarget('targets', 'lamp.img', 'two');
    expect(await download(repository, 'lamp.img')).toBe(0);
    expect(readFileSync(folder.join('lamp.img'), 'utf8')).toBe('two');
  });

  test('of our own publisher arrive too', async () => {
    const repository = await publishedRepository(fakeClock(Date.now()));
    await repository.release('lamp/1.1.0.img', fileOf('lamp firmware 1.1.0'), lampRelease('1.1.0', 2));
    const server = createServer((request, answer) => {
      const bytes = repository.files.get((request.url ?? '').slice(1));
      answer.writeHead(bytes === undefined ? 404 : 200).end(bytes);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const at = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
    expect(await init(repository.firstRoot)).toBe(0);
    expect(await download(at, 'lamp/1.1.0.img')).toBe(0);
    expect(readFileSync(folder.join('lamp%2F1.1.0.img'), 'utf8')).toBe('lamp firmware 1.1.0');
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});
