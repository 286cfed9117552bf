import { createHash } from 'node:crypto';
import { readdirSync, utimesSync, writeFileSync } from 'node:fs';
import type { Signer } from '@fleetward/core';
import { addTarget, customOfRecord, draftTargets, signTargets } from '@fleetward/updates';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openArtifactFolder, openReleaseService, type ReleaseService } from '../../src/releases/index.ts';
import { openRecords, type Records } from '../operators/records.ts';
import { chunksOf } from './artifact-store-suite.ts';
import { type Engineer, newEngineer, newSigner, sha256Of } from './engineer.ts';

const actor = { kind: 'operator', operatorId: 'o1' } as const;
const hourMs = 3_600_000;
const firmware = Buffer.from('firmware one');
const files = { 'app/firmware.bin': firmware };

let records: Records;
let online: { readonly snapshot: Signer; readonly timestamp: Signer };
let engineer: Engineer;
let releases: ReleaseService;
let root: Uint8Array;

beforeEach(async () => {
  records = await openRecords();
  online = { snapshot: newSigner(), timestamp: newSigner() };
  engineer = newEngineer(online, records.clock);
  releases = await open();
  root = await engineer.root(1);
});

afterEach(() => records.close());

async function open(
  trail: Parameters<typeof openReleaseService>[0]['trail'] = records.trail,
): Promise<ReleaseService> {
  const { storage, clock, folder } = records;
  const limits = { artifactBytesMax: 1_000_000, uploadsMax: 2, unfinishedMax: 4 };
  return openReleaseService({
    store: storage.stores.releases,
    artifactStore: await openArtifactFolder({ path: folder.join('artifacts'), ...limits }),
    transactor: storage.transactor,
    trail,
    clock,
    signers: { snapshot: [online.snapshot], timestamp: [online.timestamp] },
    settings: {
      snapshotLifetimeMs: 168 * hourMs,
      timestampLifetimeMs: 24 * hourMs,
      unfinishedUploadMs: 24 * hourMs,
    },
  });
}

async function store(bytes: Uint8Array): Promise<void> {
  const upload = { sha256: sha256Of(bytes), bytes: chunksOf(bytes), fromByte: 0, actor };
  await releases.artifacts.upload(upload);
}

async function publishFirst(): Promise<void> {
  await store(firmware);
  await releases.publish({ roots: [root], targets: await engineer.targets(2, files) }, actor);
}

const versionOf = (name: string) => releases.roles().find((role) => role.name === name)?.version ?? 0;

describe('a first publication', () => {
  test('puts four roles in force, with versions from the clock for what the server signs', async () => {
    await publishFirst();
    const seconds = Math.floor(records.clock.now() / 1_000);
    expect([versionOf('root'), versionOf('targets')]).toEqual([1, 2]);
    expect(versionOf('snapshot')).toBeGreaterThanOrEqual(seconds);
    expect(versionOf('timestamp')).toBeGreaterThanOrEqual(seconds);
    expect((await releases.metadataFile('1.root.json'))?.bytes).toEqual(root);
    expect((await releases.metadataFile('timestamp.json'))?.version).toBe(versionOf('timestamp'));
    expect(await releases.metadataFile('root.json')).toBeUndefined();
    expect(await releases.metadataFile('9.root.json')).toBeUndefined();
    expect(await records.kinds()).toEqual(['release.artifact_stored', 'release.metadata_published']);
  });

  test('is refused while an artifact it lists is missing, and changes nothing', async () => {
    const upload = { roots: [root], targets: await engineer.targets(2, files) };
    await expect(releases.publish(upload, actor)).rejects.toMatchObject({
      code: 'releases.artifact_missing',
      details: { missing: ['app/firmware.bin'] },
    });
    expect(releases.roles()).toEqual([]);
    expect(await records.storage.stores.releases.latestVersions()).toEqual([]);
  });

  test('is refused without its targets or its root', async () => {
    await store(firmware);
    await expect(releases.publish({ roots: [root] }, actor)).rejects.toMatchObject({
      code: 'releases.metadata_refused',
    });
    const targets = await engineer.targets(2, files);
    await expect(releases.publish({ roots: [], targets }, actor)).rejects.toMatchObject({
      code: 'releases.metadata_refused',
    });
  });

  test('is refused when the targets are signed by a key the root does not name', async () => {
    await store(firmware);
    const stranger = newEngineer(online, records.clock);
    const upload = { roots: [root], targets: await stranger.targets(2, files) };
    await expect(releases.publish(upload, actor)).rejects.toMatchObject({
      code: 'releases.metadata_refused',
      message: expect.stringContaining('TUF 5.6.3'),
    });
  });

  test('is refused when a release links to an SBOM that is none, and changes nothing', async () => {
    const none = Buffer.from('{}');
    for (const bytes of [firmware, none]) await store(bytes);
    const expiresMs = records.clock.now() + 24 * hourMs;
    let targets = draftTargets({ version: 1, expiresMs });
    for (const [path, bytes, custom] of [
      ['app/1.bin', firmware, customOfRecord({ sbom: sha256Of(none) })],
      ['app/1.bin.sbom.json', none, {}],
    ] as const) {
      const target = { path, length: bytes.length, sha256: sha256Of(bytes), custom };
      targets = addTarget(targets, { target, expiresMs });
    }
    const signed = await signTargets(targets, { signers: [engineer.targetsSigner], root });
    await expect(releases.publish({ roots: [root], targets: signed.bytes }, actor)).rejects.toMatchObject({
      code: 'releases.record_refused',
      message: expect.stringMatching(/`app\/1.bin`: not a CycloneDX SBOM/),
    });
    expect(releases.roles()).toEqual([]);
  });

  test('without its trail entry does not happen', async () => {
    await store(firmware);
    const broken = await open({ append: async () => Promise.reject(new Error('no trail')) });
    const upload = { roots: [root], targets: await engineer.targets(2, files) };
    await expect(broken.publish(upload, actor)).rejects.toThrow('no trail');
    expect(broken.roles()).toEqual([]);
    expect(await broken.metadataFile('timestamp.json')).toBeUndefined();
  });
});

describe('a next publication', () => {
  beforeEach(publishFirst);

  test('with newer targets and a newer root is in force at once', async () => {
    const before = versionOf('snapshot');
    const update = Buffer.from('firmware two');
    await store(update);
    const next = await engineer.root(2, root);
    await releases.publish(
      { roots: [next], targets: await engineer.targets(3, { 'app/firmware.bin': update }) },
      actor,
    );
    expect([versionOf('root'), versionOf('targets')]).toEqual([2, 3]);
    expect(versionOf('snapshot')).toBeGreaterThan(before);
    expect(releases.target(`app/${sha256Of(update)}.firmware.bin`)?.lengthBytes).toBe(update.length);
    expect(releases.target(`app/${sha256Of(firmware)}.firmware.bin`)).toBeUndefined();
  });

  test('of an older version is refused', async () => {
    const targets = await engineer.targets(1 + 1, {});
    await expect(releases.publish({ roots: [], targets }, actor)).rejects.toMatchObject({
      code: 'releases.metadata_refused',
      details: { reason: 'rollback' },
    });
  });

  test('that repeats the last one, since its answer was lost, answers the same and changes nothing', async () => {
    const before = releases.roles();
    const targets = (await releases.metadataFile('2.targets.json'))?.bytes;
    expect(await releases.publish({ roots: [root], targets: targets! }, actor)).toEqual(before);
    expect(await records.kinds()).toHaveLength(2);
  });

  test('that another node overtook is refused, and the next attempt starts from what is in force', async () => {
    const other = await open();
    await other.refreshTimestamp();
    const upload = { roots: [], targets: await engineer.targets(3, files) };
    await expect(releases.publish(upload, actor)).rejects.toMatchObject({ code: 'releases.superseded' });
    await releases.publish(upload, actor);
    expect(versionOf('targets')).toBe(3);
  });

  test('and a refresh at the same moment take turns', async () => {
    const upload = { roots: [], targets: await engineer.targets(3, files) };
    await Promise.all([
      releases.refreshTimestamp(),
      releases.publish(upload, actor),
      releases.refreshTimestamp(),
    ]);
    expect(versionOf('targets')).toBe(3);
  });

  test('is what it was after a restart', async () => {
    const roles = [...releases.roles()].sort((a, b) => a.name.localeCompare(b.name));
    releases = await open();
    expect([...releases.roles()].sort((a, b) => a.name.localeCompare(b.name))).toEqual(roles);
    expect(releases.target(`app/${sha256Of(firmware)}.firmware.bin`)).toBeDefined();
  });
});

describe('the timestamp', () => {
  test('is not made while nothing is published', async () => {
    expect(await releases.refreshTimestamp()).toBeUndefined();
  });

  test('is signed anew with a higher version, also when the clock was set back', async () => {
    await publishFirst();
    const first = versionOf('timestamp');
    records.clock.advance(12 * hourMs);
    await releases.refreshTimestamp();
    const second = versionOf('timestamp');
    expect(second).toBeGreaterThanOrEqual(first + 12 * 3_600);
    records.clock.advance(-6 * hourMs);
    await releases.refreshTimestamp();
    expect(versionOf('timestamp')).toBeGreaterThan(second);
  });
});

test('who may have a release may have the index of its chunks and patches to it, and what only looks like one stands for itself', async () => {
  const patch = `app/firmware.bin.${'0'.repeat(64)}.patch`;
  const named: Readonly<Record<string, Buffer>> = {
    ...files,
    'app/firmware.bin.chunks': Buffer.from('index'),
    'x.chunks': Buffer.from('x'),
    [patch]: Buffer.from('patch'),
  };
  for (const bytes of Object.values(named)) await store(bytes);
  await releases.publish({ roots: [root], targets: await engineer.targets(5, named) }, actor);
  const behind = (folder: string, name: string, bytes: Uint8Array) =>
    releases.releaseBehind(releases.target(`${folder}${sha256Of(bytes)}.${name}`)!).path;
  expect(behind('app/', 'firmware.bin.chunks', named['app/firmware.bin.chunks']!)).toBe('app/firmware.bin');
  expect(behind('app/', patch.slice(4), named[patch]!)).toBe('app/firmware.bin');
  expect(behind('app/', 'firmware.bin', firmware)).toBe('app/firmware.bin');
  expect(behind('', 'x.chunks', named['x.chunks']!)).toBe('x.chunks');
});

describe('artifacts', () => {
  const onDisk = () => readdirSync(records.folder.join('artifacts'));

  test('tell which published targets they are, and stay as long as they are one', async () => {
    await publishFirst();
    const sha256 = sha256Of(firmware);
    expect(await releases.artifacts.list()).toMatchObject([{ sha256, paths: ['app/firmware.bin'] }]);
    await expect(releases.artifacts.remove(sha256, actor)).rejects.toMatchObject({
      code: 'releases.artifact_listed',
    });
    await releases.publish({ roots: [], targets: await engineer.targets(3, {}) }, actor);
    expect(await releases.artifacts.find(sha256)).toMatchObject({ paths: [] });
    await releases.artifacts.remove(sha256, actor);
    expect([await releases.artifacts.list(), onDisk()]).toEqual([[], []]);
    await expect(releases.artifacts.remove(sha256, actor)).rejects.toMatchObject({
      code: 'releases.not_found',
    });
    const published = 'release.metadata_published';
    const kinds = ['release.artifact_stored', published, published, 'release.artifact_removed'];
    expect(await records.kinds()).toEqual(kinds);
  });

  test('stored before SHA-1 and MD5 were recorded get them when the same bytes are sent again', async () => {
    const sha256 = sha256Of(firmware);
    const { storage } = records;
    const old = { sha256, lengthBytes: firmware.length, storedAtMs: 5 };
    await storage.transactor.transact((tx) => storage.stores.releases.addArtifact(tx, old));
    await store(firmware);
    const sha1 = createHash('sha1').update(firmware).digest('hex');
    expect(await releases.artifacts.find(sha256)).toMatchObject({ sha1, storedAtMs: 5 });
  });

  test('that nobody was told are there are swept once they have lain long enough', async () => {
    await store(firmware);
    const [half, orphan] = [Buffer.from('half'), Buffer.from('orphan')];
    const broken = (async function* () {
      yield half.subarray(0, 2);
      throw new Error('the client went away');
    })();
    const upload = { sha256: sha256Of(half), bytes: broken, fromByte: 0, actor };
    await expect(releases.artifacts.upload(upload)).rejects.toThrow('went away');
    // As a power cut leaves it between the bytes and their record.
    writeFileSync(records.folder.join(`artifacts/${sha256Of(orphan)}`), orphan);
    const agedMs = (hours: number) => (records.clock.now() - hours * hourMs) / 1_000;
    const age = (hours: number) => {
      for (const name of onDisk())
        utimesSync(records.folder.join(`artifacts/${name}`), agedMs(hours), agedMs(hours));
    };
    age(23);
    expect(await releases.artifacts.sweep()).toBe(0);
    expect(await releases.artifacts.unfinished()).toMatchObject([{ sha256: sha256Of(half), lengthBytes: 2 }]);
    age(25);
    expect(await releases.artifacts.sweep()).toBe(2);
    expect(onDisk()).toEqual([sha256Of(firmware)]);
  });
});
