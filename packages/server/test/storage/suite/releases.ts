import { expect, test } from 'vitest';
import { type Opened, outcomes, sha256Of } from './backend.ts';

export function describeReleases(opened: () => Opened): void {
  const file = (name: string, version: number, content = 'signed') => ({
    name,
    version,
    bytes: new Uint8Array(Buffer.from(`${content} ${version}`)),
    storedAtMs: 1,
  });
  const add = (name: string, version: number, content?: string) =>
    opened().transact((tx) => opened().stores.releases.addMetadata(tx, file(name, version, content)));

  test('a version keeps its bytes: the same again is accepted, others conflict', async () => {
    const { releases } = opened().stores;
    await add('root', 1);
    await add('root', 1);
    expect(await outcomes([add('root', 1, 'forged')])).toEqual(['store.conflict']);
    expect(await releases.findMetadata({ name: 'root', version: 1 })).toEqual(file('root', 1));
  });

  test('the newest version of each role is found', async () => {
    const { stores, transact } = opened();
    for (const version of [1, 10, 9]) await add('snapshot', version);
    await add('timestamp', 1_700_000_000);
    expect(await stores.releases.latestMetadata('snapshot')).toEqual(file('snapshot', 10));
    expect(await stores.releases.latestMetadata('none')).toBeUndefined();
    const versions = await transact((tx) => stores.releases.latestVersions(tx));
    expect(versions).toContainEqual({ name: 'snapshot', version: 10 });
    expect(versions).toContainEqual({ name: 'timestamp', version: 1_700_000_000 });
  });

  test('an artifact is recorded once, gets digests that it lacks, and is removed', async () => {
    const { stores, transact } = opened();
    const artifact = { sha256: sha256Of('image'), lengthBytes: 8 * 1024 * 1024 * 1024, storedAtMs: 1 };
    await transact((tx) => stores.releases.addArtifact(tx, artifact));
    await transact((tx) => stores.releases.addArtifact(tx, { ...artifact, storedAtMs: 2 }));
    expect(await stores.releases.findArtifact(artifact.sha256)).toEqual(artifact);
    const digests = { sha1: 'a1', md5: 'a5' };
    await transact((tx) => stores.releases.addArtifact(tx, { ...artifact, ...digests, storedAtMs: 3 }));
    await transact((tx) => stores.releases.addArtifact(tx, { ...artifact, sha1: 'b1', md5: 'b5' }));
    expect(await stores.releases.listArtifacts()).toEqual([{ ...artifact, ...digests }]);
    expect(await stores.releases.findArtifact(sha256Of('none'))).toBeUndefined();
    await transact((tx) => stores.releases.removeArtifact(tx, artifact.sha256));
    expect(await stores.releases.listArtifacts()).toEqual([]);
  });
}
