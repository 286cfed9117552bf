import { describe, expect, it } from 'vitest';
import { signedBytes, tufTime } from '../src/metadata/sign.ts';
import { metadataFilePath, targetFilePath } from '../src/metadata/target-path.ts';
import {
  collectingSink,
  dayMs,
  directedRepository,
  fileOf,
  lampName,
  lampRelease,
  newDevice,
  newSigner,
  signedPart,
  type TestRepository,
} from './kit.ts';

// The thief has the server: every online key (snapshot, timestamp, director), every artifact, every file that was ever published, and may rewrite all of
// it. The keys of root and targets are elsewhere. `docs/threat-model.md` has this as a table.

const [oldPath, newPath] = ['lamp/1.0.0.img', 'lamp/1.1.0.img'] as const;

/** A platform with two releases, whose device has seen both; the second list is the newest. */
async function stolenServer() {
  const repository = await directedRepository();
  const oldTargets = repository.state.targets!;
  await repository.release(newPath, fileOf('lamp firmware 1.1.0'), lampRelease('1.1.0', 2));
  await repository.instruct({ image: newPath });
  const { client } = await newDevice(repository);
  expect(await client.refresh()).toMatchObject({ kind: 'updated' });
  const online = [...repository.keys.snapshot, ...repository.keys.timestamp, ...repository.keys.director!];
  return { repository, client, online, oldTargets };
}

/** A list that names the thief's bytes as the newest release. */
function evilTargets(repository: TestRepository) {
  const signed = signedPart(repository.state.targets);
  const evil = { length: 4, hashes: { sha256: 'e'.repeat(64) }, custom: lampRelease('9.0.0', 9) };
  return { ...signed, version: signed.version + 1, targets: { ...signed.targets, 'lamp/9.0.0.img': evil } };
}

describe('who has the whole server cannot', () => {
  it('release: all online keys together do not sign a list', async () => {
    const { repository, client, online } = await stolenServer();
    await repository.forgeTargets(await signedBytes(evilTargets(repository), online));
    expect(await client.refresh()).toMatchObject({
      kind: 'refused',
      step: '5.6.3',
      reason: 'below-threshold',
    });
  });

  it('release with one stolen key of two: a list below its threshold is none', async () => {
    const { repository, client } = await stolenServer();
    const one = await signedBytes(evilTargets(repository), repository.keys.targets.slice(0, 1));
    await repository.forgeTargets(one);
    expect(await client.refresh()).toMatchObject({
      kind: 'refused',
      step: '5.6.3',
      reason: 'below-threshold',
    });
  });

  it('change what a release is: other bytes under its name are refused', async () => {
    const { repository, client } = await stolenServer();
    const [target] = client.targets();
    repository.files.set(targetFilePath(target!), fileOf('lamp firmware 6.6.6'));
    const sink = collectingSink();
    expect(await client.download(target!, sink)).toMatchObject({ kind: 'refused', step: '5.7.3' });
    expect(sink.bytes().length).toBeLessThan(target!.length);
  });

  it('name keys of its own: a root that only online keys signed is not followed', async () => {
    const { repository, client, online } = await stolenServer();
    const mine = newSigner();
    const keys = { ...repository.keys, root: [mine], targets: [mine] };
    repository.files.set(metadataFilePath('root', 2), await repository.rootDraft(2, keys));
    expect(await client.refresh()).toMatchObject({
      kind: 'refused',
      step: '5.3.4',
      reason: 'below-threshold',
    });
    const next = { ...signedPart(repository.firstRoot), version: 2 };
    repository.files.set(metadataFilePath('root', 2), await signedBytes(next, online));
    expect(await client.refresh()).toMatchObject({
      kind: 'refused',
      step: '5.3.4',
      reason: 'below-threshold',
    });
  });

  it('take a device back to an older list, or mix two lists', async () => {
    const { repository, client, oldTargets } = await stolenServer();
    await repository.forgeTargets(oldTargets);
    expect(await client.refresh()).toMatchObject({ kind: 'refused', step: '5.5.5', reason: 'rollback' });
    const { version, targets } = signedPart(oldTargets);
    const mixed = { ...signedPart(repository.state.targets), version: version + 2, targets };
    await repository.forgeTargets(await signedBytes(mixed, []));
    expect(await client.refresh()).toMatchObject({ kind: 'refused', step: '5.6.3' });
  });

  it('keep a list alive beyond its end, whatever it signs', async () => {
    const { repository, client } = await stolenServer();
    repository.clock.advance(91 * dayMs);
    const expires = tufTime(repository.clock.now() + dayMs);
    const { version } = signedPart(repository.state.snapshot);
    await repository.forgeOnline({ snapshot: { version: version + 1, expires }, timestamp: { expires } });
    expect(await client.refresh()).toMatchObject({ step: '5.6.5', subject: 'targets', reason: 'expired' });
  });

  it('direct a device to what was never released, or to another length or hash of what was', async () => {
    const { repository, client } = await stolenServer();
    const real = repository.image(newPath);
    for (const target of [
      { path: 'lamp/9.0.0.img', length: 4, sha256: 'e'.repeat(64) },
      { ...real, sha256: 'e'.repeat(64) },
      { ...real, length: real.length + 1 },
    ] as (typeof real)[]) {
      repository.clock.advance(1000);
      await repository.instruct({ target });
      expect(await client.refresh()).toMatchObject({ kind: 'refused', reason: 'disagrees' });
    }
  });

  it('play the instruction of one device to another', async () => {
    const { repository, client } = await stolenServer();
    repository.clock.advance(1000);
    await repository.instruct({ image: oldPath, thingName: `${lampName}-2` });
    expect(await client.refresh()).toMatchObject({ kind: 'refused', reason: 'not-for-this-device' });
  });

  it('go on with the stolen keys once a root names others', async () => {
    const { repository, client } = await stolenServer();
    const stolen = repository.keys;
    await repository.rotate({
      snapshot: [newSigner()],
      timestamp: [newSigner()],
      director: [newSigner()],
    });
    await repository.instruct({ image: newPath });
    expect(await client.refresh()).toMatchObject({ kind: 'updated', versions: { root: 2 } });
    await repository.forgeOnline({ timestampSigners: stolen.timestamp });
    expect(await client.refresh()).toMatchObject({ kind: 'refused', step: '5.4.2' });
    await repository.renew();
    repository.clock.advance(1000);
    await repository.instruct({ image: oldPath, signer: stolen.director![0]! });
    expect(await client.refresh()).toMatchObject({ kind: 'refused', reason: 'below-threshold' });
  });
});

describe('who has the whole server can', () => {
  it('withhold a newer release, until the list that it serves ends', async () => {
    const { repository, client } = await stolenServer();
    repository.clock.advance(80 * dayMs);
    const expires = tufTime(repository.clock.now() + dayMs);
    const { version } = signedPart(repository.state.snapshot);
    await repository.forgeOnline({ snapshot: { version: version + 1, expires }, timestamp: { expires } });
    await repository.instruct({ image: newPath });
    expect(await client.refresh()).toMatchObject({ kind: 'updated', versions: { targets: 3 } });
  });

  it('show a device that has never asked an older list, until that one ends', async () => {
    const { repository, oldTargets } = await stolenServer();
    await repository.forgeTargets(oldTargets);
    await repository.instruct({ image: oldPath });
    const { client } = await newDevice(repository);
    expect(await client.refresh()).toMatchObject({ kind: 'updated', versions: { targets: 2 } });
  });

  it('choose among what is released, for each device, or offer nothing', async () => {
    const { repository, client } = await stolenServer();
    repository.clock.advance(1000);
    await repository.instruct({ image: oldPath });
    await client.refresh();
    expect(client.targets().map(({ path }) => path)).toEqual([oldPath]); // the agent then refuses what is older: see `choose-target.ts`
    repository.clock.advance(1000);
    await repository.instruct();
    await client.refresh();
    expect(client.targets()).toEqual([]);
  });

  it('run versions ahead, until a root names other keys', async () => {
    const { repository, client } = await stolenServer();
    const version = Number.MAX_SAFE_INTEGER;
    await repository.forgeOnline({ snapshot: { version }, timestamp: { version } });
    await client.refresh();
    await repository.renew();
    expect(await client.refresh()).toMatchObject({ kind: 'refused', reason: 'rollback' });
    await repository.rotate({ snapshot: [newSigner()], timestamp: [newSigner()] });
    await repository.instruct({ image: newPath });
    expect(await client.refresh()).toMatchObject({ kind: 'updated', versions: { root: 2 } });
  });
});
