import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { signedBytes } from '../src/metadata/sign.ts';
import { timestampFilePath } from '../src/metadata/target-path.ts';
import { parseRelease } from '../src/release.ts';
import { describeTarget } from '../src/repository/describe-target.ts';
import { addTarget, draftRoot, draftTargets, removeTargets } from '../src/repository/draft.ts';
import {
  addToRelease,
  createReleaseFolder,
  initRelease,
  readUpload,
  rotateRelease,
  signRelease,
} from '../src/repository/release-folder.ts';
import { signRoot, signTargets } from '../src/repository/sign-file.ts';
import {
  chunks,
  dayMs,
  fakeClock,
  fileOf,
  lampRelease,
  newDevice,
  newKeys,
  newSigner,
  publishedRepository,
  rolesOf,
  signedPart,
  startMs,
  TestRepository,
} from './kit.ts';

const expiresMs = startMs + 90 * dayMs;

describe('publishing', () => {
  it('offers a release that a device finds, with what it needs to decide', async () => {
    const repository = await publishedRepository();
    const { client } = await newDevice(repository);
    await client.refresh();
    const [target] = client.targets();
    expect(parseRelease(target!.custom)).toEqual(lampRelease('1.0.0', 1));
    expect(await client.findTarget('lamp/1.0.0.img')).toEqual({ kind: 'found', target, role: 'targets' });
    expect(await client.findTarget('toString')).toEqual({ kind: 'absent' });
  });

  it('makes the timestamp visible last', async () => {
    const repository = await publishedRepository();
    const outcome = await repository.release('lamp/2.img', fileOf('2'), lampRelease('2', 2));
    expect(outcome.kind === 'published' && outcome.files.map((file) => file.path).at(-1)).toBe(
      timestampFilePath,
    );
  });

  it('gives versions that are at least the time, and grow though the clock stands or goes back', async () => {
    const repository = await publishedRepository();
    const first = signedPart(repository.state.timestamp).version;
    expect(first).toBeGreaterThanOrEqual(startMs / 1000);
    repository.clock.set(0 + startMs - dayMs);
    await repository.renew();
    expect(signedPart(repository.state.timestamp).version).toBe(first + 1);
  });

  it('after a restore from an older backup is not taken for a rollback', async () => {
    const repository = await publishedRepository();
    const { client } = await newDevice(repository);
    const backup = repository.state;
    for (let minute = 0; minute < 5; minute++) {
      repository.clock.advance(60_000);
      await repository.renew();
    }
    await client.refresh();
    repository.state = backup;
    repository.clock.advance(60_000);
    await repository.renew();
    expect(await client.refresh()).toMatchObject({ kind: 'updated' });
  });

  it('keeps the snapshot until its life is half over, and renews it then', async () => {
    const repository = await publishedRepository();
    const first = signedPart(repository.state.snapshot).version;
    repository.clock.advance(dayMs);
    await repository.renew();
    expect(signedPart(repository.state.snapshot).version).toBe(first);
    repository.clock.advance(3 * dayMs);
    await repository.renew();
    expect(signedPart(repository.state.snapshot).version).toBeGreaterThan(first);
  });

  it('refuses an upload that a device would refuse, and changes nothing', async () => {
    const repository = await publishedRepository();
    const before = repository.state;
    const targets = signedPart(before.targets);
    const { keys } = repository;
    const one = await signedBytes({ ...targets, version: 3 }, keys.targets.slice(0, 1));
    expect(await repository.upload({ roots: [], targets: one })).toMatchObject({ reason: 'below-threshold' });
    const same = await signedBytes(targets, keys.targets.slice(0, 2));
    expect(await repository.upload({ roots: [], targets: same })).toMatchObject({ reason: 'rollback' });
    const gap = await repository.rootDraft(3);
    expect(await repository.upload({ roots: [gap] })).toMatchObject({ step: '5.3.5' });
    const expired = await signedBytes(
      { ...targets, version: 3, expires: '2026-02-01T00:00:00Z' },
      keys.targets.slice(0, 2),
    );
    expect(await repository.upload({ roots: [], targets: expired })).toMatchObject({ reason: 'expired' });
    expect(await repository.upload({ roots: [], targets: fileOf('{') })).toMatchObject({
      reason: 'malformed',
    });
    expect(repository.state).toBe(before);
  });

  it('refuses a first root above version 1, a repository without targets, and one without a root', async () => {
    const repository = new TestRepository(newKeys(), fakeClock());
    expect(await repository.upload({ roots: [] })).toMatchObject({ reason: 'no-trusted-root' });
    expect(await repository.upload({ roots: [await repository.rootDraft(1)] })).toMatchObject({
      reason: 'missing',
    });
    expect(await repository.upload({ roots: [await repository.rootDraft(2)] })).toMatchObject({
      reason: 'version-mismatch',
    });
  });

  it('refuses a root that does not name the online keys of this server', async () => {
    const repository = await publishedRepository();
    const foreign = { ...repository.keys, timestamp: [newSigner()] };
    const outcome = await repository.upload({ roots: [await repository.rootDraft(2, foreign)] });
    expect(outcome).toMatchObject({ kind: 'refused', subject: 'timestamp', reason: 'below-threshold' });
    expect(outcome.kind === 'refused' && outcome.explanation).toContain('must name this server');
  });
});

describe('the offline workflow', () => {
  it('lets two people sign one after the other, and counts', async () => {
    const keys = newKeys();
    const root = draftRoot({ version: 1, expiresMs, roles: rolesOf(keys) });
    const first = await signRoot(root, { signers: [keys.root[0]!] });
    expect(first).toMatchObject({ isMet: false, valid: 1, threshold: 2 });
    const again = await signRoot(first.bytes, { signers: [keys.root[0]!] });
    expect(again).toMatchObject({ isMet: false, valid: 1 });
    expect(await signRoot(again.bytes, { signers: [keys.root[1]!] })).toMatchObject({
      isMet: true,
      valid: 2,
    });
  });

  it('counts a successor root against both roots', async () => {
    const keys = newKeys();
    const first = draftRoot({ version: 1, expiresMs, roles: rolesOf(keys) });
    const next = { ...keys, root: [newSigner(), newSigner()] };
    const draft = draftRoot({ version: 2, expiresMs, roles: rolesOf(next) });
    const half = await signRoot(draft, { signers: next.root, previous: first });
    expect(half).toMatchObject({ isMet: false, valid: 0 });
    expect(await signRoot(half.bytes, { signers: keys.root, previous: first })).toMatchObject({
      isMet: true,
    });
  });

  it('drops signatures when the targets change, and says who cannot sign', async () => {
    const keys = newKeys();
    const root = draftRoot({ version: 1, expiresMs, roles: rolesOf(keys) });
    const signed = await signTargets(draftTargets({ version: 1, expiresMs }), {
      signers: keys.targets,
      root,
    });
    expect(signed).toMatchObject({ isMet: true, valid: 3 });
    const target = await describeTarget('a/b.img', { content: chunks(fileOf('abc')), custom: {} });
    const changed = addTarget(signed.bytes, { target, expiresMs });
    expect(await signTargets(changed, { signers: [], root })).toMatchObject({ isMet: false, valid: 0 });
    expect(signedPart(changed)).toMatchObject({ version: 2, targets: { 'a/b.img': { length: 3 } } });
    expect(signedPart(removeTargets(changed, { paths: ['a/b.img'], expiresMs }))).toMatchObject({
      version: 3,
      targets: {},
    });
    await expect(signTargets(changed, { signers: [newSigner()], root })).rejects.toThrow(
      /does not sign this role/,
    );
  });

  it('refuses thresholds that nobody could meet, and paths that climb', async () => {
    const keys = newKeys();
    const impossible = () => draftRoot({ version: 1, expiresMs, roles: rolesOf(keys, { targets: 4 }) });
    expect(impossible).toThrow(expect.objectContaining({ code: 'updates.repository_invalid' }));
    const one = { ...keys, root: [keys.root[0]!, keys.root[0]!] };
    expect(() => draftRoot({ version: 1, expiresMs, roles: rolesOf(one, { root: 2 }) })).toThrow(
      /1 different keys/,
    );
    const climbing = describeTarget('../b', { content: chunks(fileOf('abc')), custom: {} });
    await expect(climbing).rejects.toThrow(/not a target path/);
  });
});

describe('the release folder', () => {
  it('takes two people and one server from an empty folder to a device that trusts, and through a rotation', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'fleetward-release-'));
    const folder = await createReleaseFolder(join(parent, 'release'));
    const keys = newKeys();
    const repository = new TestRepository(keys, fakeClock());
    await initRelease(folder, {
      roles: rolesOf(keys),
      rootExpiresMs: expiresMs,
      targetsExpiresMs: expiresMs,
    });
    const target = await describeTarget('a/b.img', {
      content: chunks(fileOf('abc')),
      custom: lampRelease('1', 1),
    });
    await addToRelease(folder, { target, expiresMs });
    const first = await signRelease(folder, [keys.root[0]!, keys.targets[2]!]);
    expect(first).toMatchObject({ root: { isMet: false }, targets: { isMet: false } });
    expect(await repository.upload(await readUpload(folder, 0))).toMatchObject({ reason: 'below-threshold' });
    const second = await signRelease(folder, [keys.root[1]!, keys.targets[0]!]);
    expect(second).toMatchObject({ root: { isMet: true }, targets: { isMet: true } });
    expect(await repository.upload(await readUpload(folder, 0))).toMatchObject({ kind: 'published' });
    repository.firstRoot = (await folder.read('1.root.json'))!;
    const { client } = await newDevice(repository);
    expect(await client.refresh()).toMatchObject({ versions: { root: 1, targets: 2 } });

    const next = { ...keys, root: [newSigner(), newSigner()] };
    await rotateRelease(folder, { roles: rolesOf(next), expiresMs });
    expect(await signRelease(folder, next.root)).toMatchObject({ root: { isMet: false } });
    expect(await signRelease(folder, keys.root)).toMatchObject({ root: { isMet: true } });
    const { roots } = await readUpload(folder, 1);
    expect(await repository.upload({ roots })).toMatchObject({ kind: 'published', versions: { root: 2 } });
    expect(await client.refresh()).toMatchObject({ kind: 'updated', versions: { root: 2 } });
    await rm(parent, { recursive: true });
  });

  it('refuses to start over, to work on nothing, and keys that the root does not name', async () => {
    const files = new Map<string, Uint8Array>();
    const folder = {
      read: async (name: string) => files.get(name),
      write: async (name: string, bytes: Uint8Array) => void files.set(name, bytes),
    };
    const invalid = expect.objectContaining({ code: 'updates.repository_invalid' });
    await expect(signRelease(folder, [])).rejects.toThrow(invalid);
    const settings = { roles: rolesOf(newKeys()), rootExpiresMs: expiresMs, targetsExpiresMs: expiresMs };
    await initRelease(folder, settings);
    await expect(initRelease(folder, settings)).rejects.toThrow(invalid);
    await expect(signRelease(folder, [newSigner()])).rejects.toThrow(/does not name the key/);
  });
});
