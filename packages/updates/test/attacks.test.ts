import { describe, expect, it } from 'vitest';
import { createUpdateClient } from '../src/client/client.ts';
import type { Fetcher } from '../src/client/fetcher.ts';
import { installRoot } from '../src/client/install-root.ts';
import { signedBytes, tufTime } from '../src/metadata/sign.ts';
import { metadataFilePath, targetFilePath, timestampFilePath } from '../src/metadata/target-path.ts';
import { createMemoryStore } from '../src/store/trusted-store.ts';
import {
  collectingSink,
  dayMs,
  fakeClock,
  fileOf,
  lampRelease,
  newDevice,
  newSigner,
  publishedRepository,
  signedPart,
  startMs,
} from './kit.ts';

const timestampPath = timestampFilePath;

async function refreshed(repository: Awaited<ReturnType<typeof publishedRepository>>) {
  const device = await newDevice(repository);
  expect((await device.client.refresh()).kind).toBe('updated');
  return device;
}

describe("the attacks on TUF's list", () => {
  it('rollback: refuses a timestamp older than the trusted one', async () => {
    const repository = await publishedRepository();
    const old = repository.files.get(timestampPath)!;
    repository.clock.advance(1000);
    await repository.renew();
    const { client } = await refreshed(repository);
    repository.files.set(timestampPath, old);
    expect(await client.refresh()).toMatchObject({ kind: 'refused', step: '5.4.3.1', reason: 'rollback' });
  });

  it('rollback: refuses a newer timestamp that names an older snapshot', async () => {
    const repository = await publishedRepository();
    const { client } = await refreshed(repository);
    const { version } = signedPart(repository.state.snapshot);
    await repository.forgeOnline({ snapshot: { version: version - 1 } });
    expect(await client.refresh()).toMatchObject({ step: '5.4.3.2', reason: 'rollback' });
  });

  it('rollback: refuses a newer snapshot that names older targets', async () => {
    const repository = await publishedRepository();
    const { client } = await refreshed(repository);
    const { version } = signedPart(repository.state.snapshot);
    await repository.forgeOnline({
      snapshot: { version: version + 1, meta: { 'targets.json': { version: 1 } } },
    });
    expect(await client.refresh()).toMatchObject({ step: '5.5.5', subject: 'snapshot', reason: 'rollback' });
  });

  it('rollback: refuses a snapshot from which a targets role has gone', async () => {
    const repository = await publishedRepository();
    const { client } = await refreshed(repository);
    const { version } = signedPart(repository.state.snapshot);
    await repository.forgeOnline({
      snapshot: { version: version + 1, meta: { 'other.json': { version: 9 } } },
    });
    expect(await client.refresh()).toMatchObject({ step: '5.5.5', reason: 'rollback' });
  });

  it('rollback: refuses a root that skips or repeats a version', async () => {
    const repository = await publishedRepository();
    const { client } = await refreshed(repository);
    repository.files.set(metadataFilePath('root', 2), await repository.rootDraft(3));
    expect(await client.refresh()).toMatchObject({
      step: '5.3.5',
      subject: 'root',
      reason: 'version-mismatch',
    });
    repository.files.set(metadataFilePath('root', 2), repository.firstRoot);
    expect(await client.refresh()).toMatchObject({
      step: '5.3.5',
      subject: 'root',
      reason: 'version-mismatch',
    });
  });

  it('freeze: refuses a timestamp from the moment it expires', async () => {
    const repository = await publishedRepository();
    const { client } = await refreshed(repository);
    repository.clock.advance(dayMs - 1);
    expect(await client.refresh()).toMatchObject({ kind: 'current' });
    repository.clock.advance(1);
    expect(await client.refresh()).toMatchObject({ step: '5.4.4', subject: 'timestamp', reason: 'expired' });
  });

  it('freeze: refuses an expired snapshot under a fresh timestamp', async () => {
    const repository = await publishedRepository();
    const { client } = await refreshed(repository);
    const { version } = signedPart(repository.state.snapshot);
    await repository.forgeOnline({ snapshot: { version: version + 1, expires: tufTime(startMs) } });
    expect(await client.refresh()).toMatchObject({ step: '5.5.6', subject: 'snapshot', reason: 'expired' });
  });

  it('freeze: refuses expired targets, though the stolen server keeps signing', async () => {
    const repository = await publishedRepository();
    const { client } = await refreshed(repository);
    repository.clock.advance(91 * dayMs);
    expect(await repository.renew()).toMatchObject({ kind: 'refused', step: '5.6.5' });
    const expires = tufTime(repository.clock.now() + dayMs);
    const { version } = signedPart(repository.state.snapshot);
    await repository.forgeOnline({ snapshot: { version: version + 1, expires }, timestamp: { expires } });
    expect(await client.refresh()).toMatchObject({ step: '5.6.5', subject: 'targets', reason: 'expired' });
  });

  it('freeze: refuses an expired last root, though expired ones on the way are followed', async () => {
    const repository = await publishedRepository();
    const { client } = await newDevice(repository);
    repository.clock.advance(366 * dayMs);
    expect(await client.refresh()).toMatchObject({ step: '5.3.10', subject: 'root', reason: 'expired' });
    await repository.rotate({});
    expect(await client.refresh()).toMatchObject({ kind: 'updated', versions: { root: 2 } });
  });

  it('a clock set back does not revive expired metadata', async () => {
    const repository = await publishedRepository();
    const deviceClock = fakeClock();
    const store = createMemoryStore();
    const { client } = await newDevice(repository, { store, clock: deviceClock });
    await client.refresh();
    deviceClock.advance(2 * dayMs);
    expect(await client.refresh()).toMatchObject({ reason: 'expired' });
    deviceClock.set(0);
    expect(await client.refresh()).toMatchObject({ step: '5.4.4', reason: 'expired' });
    const restarted = createUpdateClient({ store, fetcher: repository.fetcher, clock: deviceClock });
    expect(await restarted.refresh()).toMatchObject({ step: '5.4.4', reason: 'expired' });
  });

  it('a clock that ran years ahead for a while does not lock the device out', async () => {
    const repository = await publishedRepository();
    const deviceClock = fakeClock();
    const { client } = await newDevice(repository, { clock: deviceClock });
    await client.refresh();
    deviceClock.set(startMs + 200 * dayMs);
    expect(await client.refresh()).toMatchObject({ reason: 'expired' });
    repository.clock.advance(2 * dayMs);
    await repository.renew();
    deviceClock.set(repository.clock.now());
    expect(await client.refresh()).toMatchObject({ kind: 'updated' });
  });

  it('fast-forward: recovers once the root rotates the keys an attacker ran ahead with', async () => {
    const repository = await publishedRepository();
    const { client } = await refreshed(repository);
    const ahead = Number.MAX_SAFE_INTEGER;
    await repository.forgeOnline({
      snapshot: { version: ahead },
      timestamp: { version: ahead },
    });
    expect(await client.refresh()).toMatchObject({ versions: { timestamp: ahead, snapshot: ahead } });
    await repository.renew();
    expect(await client.refresh()).toMatchObject({ step: '5.4.3.1', reason: 'rollback' });
    await repository.rotate({ timestamp: [newSigner()], snapshot: [newSigner()] });
    expect(await client.refresh()).toMatchObject({ kind: 'updated', versions: { root: 2 } });
  });

  it('fast-forward: recovers when the rotated role keeps one of its old keys', async () => {
    const repository = await publishedRepository();
    const { client } = await refreshed(repository);
    await repository.forgeOnline({ timestamp: { version: Number.MAX_SAFE_INTEGER } });
    await client.refresh();
    await repository.rotate({ timestamp: [...repository.keys.timestamp, newSigner()] });
    expect(await client.refresh()).toMatchObject({ kind: 'updated', versions: { root: 2 } });
  });

  it('mix and match: refuses a snapshot other than the one the timestamp names', async () => {
    const repository = await publishedRepository();
    const first = repository.state.snapshot!;
    repository.clock.advance(1000);
    await repository.release('lamp/1.1.0.img', fileOf('lamp 1.1.0'), lampRelease('1.1.0', 1));
    const { version } = signedPart(repository.state.snapshot);
    const { client } = await newDevice(repository);
    repository.files.set(metadataFilePath('snapshot', version), first);
    expect(await client.refresh()).toMatchObject({ step: '5.5.2', reason: 'hash-mismatch' });
  });

  it('mix and match: refuses targets other than those the snapshot names', async () => {
    const repository = await publishedRepository();
    const { client } = await newDevice(repository);
    repository.files.set(metadataFilePath('targets', 2), await repository.targetsAgain());
    expect(await client.refresh()).toMatchObject({ kind: 'refused', subject: 'targets' });
    repository.files.set(metadataFilePath('targets', 2), flip(repository.state.targets!, 40));
    expect(await client.refresh()).toMatchObject({
      step: '5.6.2',
      subject: 'targets',
      reason: 'hash-mismatch',
    });
  });

  it('version mismatch: refuses targets and snapshots that are not the version they are named by', async () => {
    const repository = await publishedRepository();
    const { client } = await newDevice(repository);
    const { meta } = signedPart(repository.state.snapshot);
    const { length: _l, hashes: _h, ...bare } = meta['targets.json'];
    const bareMeta = { 'targets.json': { ...bare, version: 3 } };
    repository.files.set(metadataFilePath('targets', 3), repository.state.targets!);
    await repository.forgeOnline({ snapshot: { meta: bareMeta } });
    expect(await client.refresh()).toMatchObject({ step: '5.6.4', reason: 'version-mismatch' });
    const { version } = signedPart(repository.state.snapshot);
    const unhashed = { 'snapshot.json': { version: version + 9 } };
    await repository.forgeOnline({ timestamp: { meta: unhashed } });
    repository.files.set(metadataFilePath('snapshot', version + 9), repository.state.snapshot!);
    expect(await client.refresh()).toMatchObject({ step: '5.5.4', reason: 'version-mismatch' });
  });

  it('refuses a stored file of another role or version that was swapped in', async () => {
    const repository = await publishedRepository();
    const { client, store } = await refreshed(repository);
    await store.write('timestamp', repository.state.snapshot!);
    await store.write('snapshot', repository.state.timestamp!);
    await store.write('targets', fileOf('torn'));
    expect(await client.refresh()).toMatchObject({ kind: 'updated', versions: { targets: 2 } });
    await store.write('root', repository.state.targets!);
    expect(await client.refresh()).toMatchObject({ step: '5.2', reason: 'malformed' });
  });

  it('reports a repository that does not answer, and one that breaks off, as unreachable', async () => {
    const repository = await publishedRepository();
    const { client: good, store } = await refreshed(repository);
    const [target] = good.targets();
    async function* broken() {
      yield new Uint8Array(5);
      throw new Error('connection reset');
    }
    const breaking: Fetcher = { fetch: async () => ({ kind: 'stream', chunks: broken() }) };
    const silent: Fetcher = { fetch: () => Promise.reject(new Error('no route to host')) };
    for (const fetcher of [breaking, silent]) {
      const client = createUpdateClient({ store, fetcher, clock: repository.clock });
      expect(await client.refresh()).toMatchObject({ kind: 'unreachable', path: 'metadata/2.root.json' });
      const outcome = await client.download(target!, collectingSink());
      expect(outcome).toMatchObject({ kind: 'unreachable', path: targetFilePath(target!) });
    }
    expect(await good.refresh()).toMatchObject({ kind: 'current' });
  });

  it('stops at once when it is told to', async () => {
    const repository = await publishedRepository();
    const { client } = await refreshed(repository);
    const signal = AbortSignal.abort(new Error('told to'));
    await expect(client.refresh({ signal })).rejects.toThrow('told to');
    repository.files.delete(timestampPath);
    expect(await client.refresh()).toMatchObject({ step: '5.4.1', subject: 'timestamp', reason: 'missing' });
  });

  it('wrong length: refuses metadata that is shorter than named', async () => {
    const repository = await publishedRepository();
    const { client } = await newDevice(repository);
    const path = metadataFilePath('targets', 2);
    repository.files.set(path, repository.files.get(path)!.subarray(0, -1));
    expect(await client.refresh()).toMatchObject({ step: '5.6.2', reason: 'length-mismatch' });
  });

  it('endless data: stops reading a timestamp, a root and a target at their bound', async () => {
    const repository = await publishedRepository();
    const { client: good } = await refreshed(repository);
    const [target] = good.targets();
    for (const endless of [timestampPath, metadataFilePath('root', 2), targetFilePath(target!)]) {
      const { client, sent } = await clientWithEndless(repository, endless);
      const outcome = await client.refresh();
      if (endless.startsWith('targets/')) {
        const sink = collectingSink();
        expect(await client.download(target!, sink)).toMatchObject({
          step: '5.7.3',
          reason: 'length-mismatch',
        });
        expect(sink.bytes().length).toBeLessThan(target!.length);
      } else {
        expect(outcome).toMatchObject({ kind: 'refused', reason: 'too-long' });
      }
      expect(sent()).toBeLessThan(1024 * 1024);
    }
  });

  it('below threshold: refuses a root, and targets, that too few keys signed', async () => {
    const repository = await publishedRepository();
    const { client } = await refreshed(repository);
    const targets = signedPart(repository.state.targets);
    const one = await signedBytes({ ...targets, version: 3 }, repository.keys.targets.slice(0, 1));
    await repository.forgeTargets(one);
    expect(await client.refresh()).toMatchObject({ step: '5.6.3', reason: 'below-threshold' });
    const root = { ...signedPart(repository.firstRoot), version: 2 };
    repository.files.set(
      metadataFilePath('root', 2),
      await signedBytes(root, repository.keys.root.slice(0, 1)),
    );
    expect(await client.refresh()).toMatchObject({ step: '5.3.4', reason: 'below-threshold' });
  });

  it('below threshold: refuses a root that only its own new keys signed', async () => {
    const repository = await publishedRepository();
    const { client } = await refreshed(repository);
    const stranger = { ...repository.keys, root: [newSigner(), newSigner()] };
    repository.files.set(metadataFilePath('root', 2), await repository.rootDraft(2, stranger));
    expect(await client.refresh()).toMatchObject({
      step: '5.3.4',
      reason: 'below-threshold',
      explanation: '0 of 2 needed keys of root 1 signed it',
    });
  });

  it('duplicate signatures: one key counts once, under one id or two', async () => {
    const repository = await publishedRepository();
    const { client } = await refreshed(repository);
    const { keys } = repository;
    const root = signedPart(repository.firstRoot);
    const [firstId] = root.roles.targets.keyids;
    const doubled = {
      ...root,
      version: 2,
      keys: { ...root.keys, ['b'.repeat(64)]: root.keys[firstId] },
      roles: { ...root.roles, targets: { keyids: [firstId, 'b'.repeat(64)], threshold: 2 } },
    };
    repository.files.set(metadataFilePath('root', 2), await signedBytes(doubled, keys.root));
    const once = JSON.parse(
      Buffer.from(await signedBytes(signedPart(repository.state.targets), [keys.targets[0]!])).toString(),
    );
    const [signature] = once.signatures;
    for (const keyid of [firstId, 'b'.repeat(64)]) {
      const signatures = [signature, { ...signature, keyid }];
      await repository.forgeTargets(fileOf(JSON.stringify({ signed: once.signed, signatures })));
      expect((await client.refresh()).kind).toBe('refused');
    }
    expect(await client.refresh()).toMatchObject({ explanation: '1 of 2 needed keys of root 2 signed it' });
  });

  it('unknown keys: refuses a timestamp and targets that strangers signed', async () => {
    const repository = await publishedRepository();
    const { client } = await refreshed(repository);
    await repository.forgeOnline({ timestampSigners: [newSigner()] });
    expect(await client.refresh()).toMatchObject({ step: '5.4.2', reason: 'below-threshold' });
    const targets = { ...signedPart(repository.state.targets), version: 3 };
    await repository.forgeTargets(await signedBytes(targets, [newSigner(), newSigner()]));
    expect(await client.refresh()).toMatchObject({ step: '5.6.3', reason: 'below-threshold' });
  });

  it('a stolen server cannot sign targets with its online keys', async () => {
    const repository = await publishedRepository();
    const { client } = await refreshed(repository);
    const evil = { ...signedPart(repository.state.targets), version: 3 };
    const online = [...repository.keys.snapshot, ...repository.keys.timestamp];
    await repository.forgeTargets(await signedBytes(evil, online));
    expect(await client.refresh()).toMatchObject({ step: '5.6.3', reason: 'below-threshold' });
  });

  it('tampered signature: one flipped bit in either of two is one signer too few', async () => {
    const repository = await publishedRepository();
    const { client } = await refreshed(repository);
    const targets = { ...signedPart(repository.state.targets), version: 3 };
    const file = JSON.parse(
      Buffer.from(await signedBytes(targets, repository.keys.targets.slice(0, 2))).toString(),
    );
    for (const index of [0, 1]) {
      const broken = structuredClone(file);
      const { sig } = broken.signatures[index];
      broken.signatures[index].sig = `${sig.slice(0, -1)}${sig.endsWith('0') ? '1' : '0'}`;
      await repository.forgeTargets(fileOf(JSON.stringify(broken)));
      expect(await client.refresh()).toMatchObject({ step: '5.6.3', reason: 'below-threshold' });
    }
  });

  it('tampered target: no whole image leaves the verifier', async () => {
    const repository = await publishedRepository();
    const { client } = await refreshed(repository);
    const [target] = client.targets();
    const path = targetFilePath(target!);
    const image = repository.files.get(path)!;
    for (const [tampered, reason] of [
      [flip(image, 3), 'hash-mismatch'],
      [flip(image, image.length - 1), 'hash-mismatch'],
      [image.subarray(1), 'length-mismatch'],
      [Buffer.concat([image, image]), 'length-mismatch'],
    ] as const) {
      repository.files.set(path, tampered);
      const sink = collectingSink();
      expect(await client.download(target!, sink)).toMatchObject({ kind: 'refused', step: '5.7.3', reason });
      expect(sink.bytes().length).toBeLessThan(target!.length);
    }
  });

  it('refuses to start without a trusted root, and keeps the first one it got', async () => {
    const repository = await publishedRepository();
    const store = createMemoryStore();
    const client = createUpdateClient({ store, fetcher: repository.fetcher, clock: repository.clock });
    expect(await client.refresh()).toMatchObject({ step: '5.2', reason: 'no-trusted-root' });
    expect(() => client.targets()).toThrow(expect.objectContaining({ code: 'updates.not_refreshed' }));
    expect(await installRoot(store, fileOf('{}'))).toMatchObject({ kind: 'refused', reason: 'malformed' });
    expect(await installRoot(store, repository.firstRoot)).toEqual({ kind: 'installed', version: 1 });
    expect(await installRoot(store, repository.firstRoot)).toEqual({ kind: 'kept' });
  });
});

/** A client whose repository never stops sending one of its files. */
async function clientWithEndless(
  repository: Awaited<ReturnType<typeof publishedRepository>>,
  endless: string,
) {
  let sent = 0;
  async function* forever() {
    for (;;) {
      sent += 1000;
      yield new Uint8Array(1000);
    }
  }
  const fetcher: Fetcher = {
    fetch: async (path, options) =>
      path === endless ? { kind: 'stream', chunks: forever() } : repository.fetcher.fetch(path, options),
  };
  const store = createMemoryStore();
  await installRoot(store, repository.firstRoot);
  return { client: createUpdateClient({ store, fetcher, clock: repository.clock }), sent: () => sent };
}

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}
