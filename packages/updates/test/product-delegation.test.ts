import { generateKeyPairSync } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Signer } from '@fleetward/core';
import { temporaryFolder } from '@fleetward/testkit';
import { Updater } from 'tuf-js';
import { beforeEach, describe, expect, it } from 'vitest';
import { createUpdateClient } from '../src/client/client.ts';
import { findTargetWorkflow } from '../src/client/find-target.ts';
import { installRoot } from '../src/client/install-root.ts';
import { listDelegated } from '../src/client/list-delegated.ts';
import { defaultLimits } from '../src/limits.ts';
import { tufKeyFromSpki } from '../src/metadata/key.ts';
import { parseRoot, parseSnapshot, parseTargets, parseTimestamp } from '../src/metadata/parse.ts';
import { signedBytes } from '../src/metadata/sign.ts';
import { metadataFilePath, targetFilePath } from '../src/metadata/target-path.ts';
import { signerOf } from '../src/release-signer.ts';
import { describeTarget } from '../src/repository/describe-target.ts';
import { delegateRelease } from '../src/repository/product-lists.ts';
import { describeChange } from '../src/repository/release-change.ts';
import {
  addToRelease,
  expireRelease,
  initRelease,
  isComplete,
  type ReleaseFolder,
  readUpload,
  rotateRelease,
  signRelease,
} from '../src/repository/release-folder.ts';
import { verifyReleaseFolder } from '../src/repository/verify-folder.ts';
import { createMemoryStore } from '../src/store/trusted-store.ts';
import {
  chunks,
  dayMs,
  type FakeClock,
  fakeClock,
  fastKeys,
  fileOf,
  lampRelease,
  newSigner,
  rolesOf,
  signedPart,
  TestRepository,
} from './kit.ts';

let clock: FakeClock;
let repository: TestRepository;
let folder: ReleaseFolder & { readonly files: Map<string, Uint8Array> };
let team: readonly Signer[];
let expiresMs: number;

/** A folder whose lamps a team of two releases, published with one release of theirs and one of the others. */
beforeEach(async () => {
  clock = fakeClock(Date.now()); // tuf-js takes the time from the system
  expiresMs = clock.now() + 30 * dayMs;
  repository = new TestRepository(fastKeys(), clock);
  team = [newSigner(), newSigner('ecdsa-p256-sha256')];
  const files = new Map<string, Uint8Array>();
  folder = {
    files,
    read: async (name) => files.get(name),
    write: async (name, bytes) => void files.set(name, bytes),
  };
  const roles = rolesOf(repository.keys);
  await initRelease(folder, { roles, rootExpiresMs: clock.now() + 365 * dayMs, targetsExpiresMs: expiresMs });
  await delegate(team);
  await add('lamp/1.0.0/lamp.img', 'lamp');
  await add('lock/1.0.0/lock.img', 'lock');
  await signRelease(folder, [...repository.keys.root, ...repository.keys.targets, ...team]);
  expect(await publish()).toMatchObject({ kind: 'published' });
  repository.firstRoot = folder.files.get('1.root.json')!;
});

function delegate(signers: readonly Signer[] | undefined, threshold = signers?.length ?? 0) {
  const publicKeys = signers?.map(({ publicKey }) => publicKey);
  return delegateRelease(folder, {
    product: 'lamp',
    role: publicKeys && { publicKeys, threshold },
    expiresMs,
  });
}

async function add(path: string, product: string): Promise<void> {
  const custom = { ...lampRelease(/\d+(\.\d+)*/.exec(path)?.[0] ?? '9', 1), product };
  const target = await describeTarget(path, { content: chunks(fileOf(path)), custom });
  repository.files.set(targetFilePath(target), fileOf(path));
  await addToRelease(folder, { target, expiresMs, isReplaced: true });
}

/** What is published already is left out, as the server does. */
async function publish() {
  const { state } = repository;
  const {
    targets,
    delegated = new Map(),
    ...rest
  } = await readUpload(folder, state.root === undefined ? 0 : 1);
  const isNew = (bytes: Uint8Array | undefined, before: Uint8Array | undefined) =>
    bytes !== undefined && (before === undefined || !Buffer.from(before).equals(bytes));
  const lists = [...delegated].filter(([name, bytes]) => isNew(bytes, state.delegated?.get(name)));
  return repository.upload({
    ...rest,
    ...(targets && isNew(targets, state.targets) && { targets }),
    delegated: new Map(lists),
  });
}

async function device(product?: string) {
  const store = createMemoryStore();
  await installRoot(store, repository.firstRoot);
  return createUpdateClient({ store, clock, fetcher: repository.fetcher, product });
}

async function offered(client?: Awaited<ReturnType<typeof device>>) {
  const by = client ?? (await device());
  expect(['updated', 'current']).toContain((await by.refresh()).kind);
  return by.targets().map(({ path }) => path);
}

const both = ['lock/1.0.0/lock.img', 'lamp/1.0.0/lamp.img'];

/** The list of the lamps with another content, signed by the team, or by others. */
function forge(change: object, signers: readonly Signer[] = team): Promise<Uint8Array> {
  const before = signedPart(folder.files.get('delegated.lamp.json'));
  return signedBytes({ ...before, version: before.version + 1, ...change }, signers);
}

const image = { length: 1, hashes: { sha256: 'a'.repeat(64) } };

describe('a delegated product', () => {
  it('is released by its team alone, and offered beside the others', async () => {
    expect(await offered()).toEqual(both);
    await add('lamp/1.1.0/lamp.img', 'lamp');
    const half = await signRelease(folder, team.slice(0, 1));
    expect(half.delegated?.get('lamp')).toMatchObject({ valid: 1, threshold: 2 });
    expect(isComplete(half)).toBe(false);
    expect(await publish()).toMatchObject({ subject: 'lamp', step: '5.6.3', reason: 'below-threshold' });
    expect(isComplete(await signRelease(folder, team.slice(1)))).toBe(true);
    const { delegated } = await readUpload(folder, 1);
    expect(await repository.upload({ roots: [], delegated: delegated! })).toMatchObject({
      kind: 'published',
    });
    const client = await device('lamp');
    expect(await offered(client)).toEqual([...both, 'lamp/1.1.0/lamp.img']);
    const sink = { write: async () => undefined };
    expect(await client.download(client.targets().at(-1)!, sink)).toMatchObject({ kind: 'downloaded' });
  });

  it('costs devices of other products nothing, and does not hold them up when its list is bad', async () => {
    const fetched: string[] = [];
    const store = createMemoryStore();
    await installRoot(store, repository.firstRoot);
    const fetch: typeof repository.fetcher.fetch = (path, options) => {
      fetched.push(path);
      return repository.fetcher.fetch(path, options);
    };
    const lock = createUpdateClient({ store, clock, fetcher: { fetch }, product: 'lock' });
    expect(await offered(lock)).toEqual(both.slice(0, 1));
    expect(fetched.filter((path) => path.endsWith('.lamp.json'))).toEqual([]);
    repository.files.set(metadataFilePath('lamp', 2), fileOf('{}'));
    const lamp = await device('lamp');
    expect(await offered(lamp)).toEqual(both.slice(0, 1));
    expect(lamp.refusedLists()).toMatchObject([{ kind: 'refused', subject: 'lamp', step: '5.6.2' }]);
  });

  it('goes on for the others when its list expires, and for its own once it is signed anew', async () => {
    await expireRelease(folder, { paths: [], expiresMs: clock.now() + dayMs, product: 'lamp' });
    await signRelease(folder, team);
    expect(await publish()).toMatchObject({ kind: 'published' });
    clock.advance(2 * dayMs);
    expect(await repository.renew()).toMatchObject({ kind: 'published' });
    const client = await device();
    expect(await offered(client)).toEqual(both.slice(0, 1));
    expect(client.refusedLists()).toMatchObject([{ subject: 'lamp', reason: 'expired' }]);
  });

  it('is gone for devices with the delegation, and comes back above what they saw', async () => {
    const client = await device();
    expect(await offered(client)).toEqual(both);
    await delegate(undefined);
    await signRelease(folder, repository.keys.targets);
    expect(await publish()).toMatchObject({ kind: 'published' });
    expect(await offered(client)).toEqual(both.slice(0, 1));
    expect(await client.findTarget('lamp/1.0.0/lamp.img')).toEqual({ kind: 'absent' });
    const old = repository.state.snapshot;
    expect(signedPart(old).meta['lamp.json']).toBeDefined(); // or devices would take it for a rollback
    const others = [newSigner()];
    await delegate(others);
    await signRelease(folder, [...repository.keys.targets, ...others]);
    expect(await publish()).toMatchObject({ kind: 'published' });
    expect(await offered(client)).toEqual(both.slice(0, 1)); // a new team begins with an empty list
    const low = await forge({ version: 1 }, others);
    expect(await repository.upload({ roots: [], delegated: new Map([['lamp', low]]) })).toMatchObject({
      step: '5.6.4',
      reason: 'rollback',
    });
  });

  it('shows a co-signer who may release what, and what its list adds', async () => {
    const root = folder.files.get('1.root.json')!;
    expect(await describeChange(folder, root)).toEqual({});
    await delegate([team[0]!]);
    await add('lamp/1.1.0/lamp.img', 'lamp');
    const { targets, delegated } = await describeChange(folder, root);
    const gone = tufKeyFromSpki(team[1]!.publicKey).keyID;
    expect(targets?.delegations).toEqual([
      { role: 'lamp', added: [], removed: [gone], threshold: 1, thresholdBefore: 2 },
    ]);
    expect(delegated?.lamp?.added.map(({ path }) => path)).toEqual(['lamp/1.1.0/lamp.img']);
    expect((await verifyReleaseFolder(folder, { trustedRoot: root, clock })).problems).not.toEqual([]);
    await signRelease(folder, [...repository.keys.targets, ...team.slice(0, 1)]);
    const verdict = await verifyReleaseFolder(folder, { trustedRoot: root, clock });
    expect(verdict).toMatchObject({ problems: [], releases: { length: 3 } });
  });

  it('is refused where the top-level list has releases of it, and outside its paths', async () => {
    const role = { publicKeys: [team[0]!.publicKey], threshold: 1 };
    await expect(delegateRelease(folder, { product: 'lock', role, expiresMs })).rejects.toThrow(
      /withdraw it first/,
    );
    await expect(add('lamp/a/b/c.img', 'lamp')).rejects.toThrow(/outside of what `lamp` may release/);
    await expect(add('lamp/1/x.img', 'lock')).rejects.toThrow(/delegated to another team/);
  });

  it.each(['../root', 'timestamp', 'root', '1.root', '7', 'mldsa65', 'director', 'a/b', 'A', ''])(
    'is not named %j, in the folder or at the server',
    async (name) => {
      const role = { publicKeys: [team[0]!.publicKey], threshold: 1 };
      await expect(delegateRelease(folder, { product: name, role, expiresMs })).rejects.toThrow(/no product/);
      const key = tufKeyFromSpki(team[0]!.publicKey);
      const to = { name, keyids: [key.keyID], threshold: 1, paths: [`${name}/*`], terminating: true };
      const delegations = { keys: { [key.keyID]: key.toJSON() }, roles: [to] };
      const before = signedPart(repository.state.targets);
      const targets = await signedBytes(
        { ...before, version: before.version + 1, delegations },
        repository.keys.targets,
      );
      const delegated = new Map([[name, await forge({}, team.slice(0, 1))]]);
      const files = new Map(repository.files);
      expect(await repository.upload({ roots: [], targets, delegated })).toMatchObject({ kind: 'refused' });
      expect(repository.files).toEqual(files);
    },
  );
});

describe('a team that goes beyond its delegation', () => {
  const cases: Readonly<Record<string, [object, RegExp]>> = {
    'with a path of another product': [{ targets: { 'lock/2/x.img': image } }, /outside/],
    'with a release of another product under its path': [
      { targets: { 'lamp/2/x.img': { ...image, custom: { ...lampRelease('2.0.0', 1), product: 'lock' } } } },
      /another product/,
    ],
    'with a delegation of its own': [{ delegations: { keys: {}, roles: [] } }, /does not delegate/],
    'with a list that has expired': [{ expires: '2020-01-01T00:00:00Z' }, /expired/],
    'with the version that is published': [{ version: 2 }, /does not follow/],
  };

  it.each(Object.entries(cases))('%s is refused by the server', async (_, [change, explanation]) => {
    const delegated = new Map([['lamp', await forge(change)]]);
    const outcome = await repository.upload({ roots: [], delegated });
    expect(outcome).toMatchObject({ kind: 'refused', subject: 'lamp' });
    expect(outcome).toMatchObject({ explanation: expect.stringMatching(explanation) });
  });

  it('gets nothing to devices when the server is theirs too', async () => {
    const others = { ...lampRelease('9.0.0', 9), product: 'lock' };
    const list = await forge({
      targets: { 'lock/2/x.img': image, 'lamp/2/x.img': { ...image, custom: others }, 'lamp/3/x.img': image },
    });
    const { version } = signedPart(list);
    repository.files.set(metadataFilePath('lamp', version), list);
    const snapshot = signedPart(repository.state.snapshot);
    const meta = { ...snapshot.meta, 'lamp.json': { version } };
    await repository.forgeOnline({ snapshot: { version: snapshot.version + 1, meta } });
    const client = await device();
    expect(await offered(client)).toEqual(['lock/1.0.0/lock.img', 'lamp/3/x.img']);
    expect(await client.findTarget('lock/2/x.img')).toEqual({ kind: 'absent' });
    expect(await client.findTarget('lamp/2/x.img')).toMatchObject({ kind: 'refused', step: '5.6.7' });
  });

  it('does not publish for a role that nobody delegates to', async () => {
    const delegated = new Map([['lock', await forge({})]]);
    expect(await repository.upload({ roots: [], delegated })).toMatchObject({ subject: 'lock' });
  });
});

it('nothing is delegated where the root demands second signatures', async () => {
  const key = signerOf(generateKeyPairSync('ml-dsa-65').privateKey, 'ml-dsa-65');
  const roles = { ...rolesOf(repository.keys), mldsa65: { publicKeys: [key.publicKey], threshold: 1 } };
  await rotateRelease(folder, { roles, expiresMs: clock.now() + 365 * dayMs });
  await signRelease(folder, [...repository.keys.root, ...repository.keys.targets, ...team, key]);
  expect(await publish()).toMatchObject({
    kind: 'refused',
    explanation: expect.stringMatching(/demands second signatures/),
  });
  const images = {
    root: parseRoot(folder.files.get('root.json')!, defaultLimits.rootBytesMax),
    targets: parseTargets(repository.state.targets!, defaultLimits.targetsBytesMax),
    snapshot: parseSnapshot(repository.state.snapshot!, defaultLimits.snapshotBytesMax),
    timestamp: parseTimestamp(repository.state.timestamp!, defaultLimits.timestampBytesMax),
    nowMs: clock.now(),
  };
  const options = { limits: defaultLimits, product: undefined };
  expect(listDelegated(images, options).next()).toMatchObject({
    done: true,
    value: { value: { targets: [] } },
  });
  const find = findTargetWorkflow('lamp/1.0.0/lamp.img', { trusted: images, limits: defaultLimits });
  expect(find.next()).toEqual({ done: true, value: { kind: 'absent' } });
});

it('tuf-js refreshes and downloads through the delegation', async () => {
  const home = temporaryFolder();
  await writeFile(home.join('root.json'), repository.firstRoot);
  const server = createServer((request, response) => {
    const bytes = repository.files.get((request.url ?? '').slice(1));
    response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const foreign = new Updater({
      metadataDir: home.path,
      metadataBaseUrl: `${url}/metadata`,
      targetDir: home.path,
      targetBaseUrl: `${url}/targets`,
      config: { fetchRetry: 0 },
    });
    await foreign.refresh();
    const target = await foreign.getTargetInfo('lamp/1.0.0/lamp.img');
    expect(target?.custom).toMatchObject({ product: 'lamp' });
    expect(await foreign.downloadTarget(target!)).toContain(home.path);
    expect(await foreign.getTargetInfo('lamp/2.0.0/lamp.img')).toBeUndefined();
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(home.path, { recursive: true, force: true });
  }
});
