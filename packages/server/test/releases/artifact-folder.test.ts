import { mkdtempSync, readdirSync, rmdirSync, statfsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  needsRoot,
  runProgram,
  startProgram,
  type TemporaryFolder,
  temporaryFolder,
} from '@fleetward/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ArtifactStore, openArtifactFolder } from '../../src/releases/index.ts';
import { chunksOf, describeArtifactStore, suiteLimits } from './artifact-store-suite.ts';
import { sha256Of } from './engineer.ts';

let folder: TemporaryFolder;
let artifacts: ArtifactStore;

beforeEach(async () => {
  folder = temporaryFolder();
  artifacts = await openArtifactFolder({ path: folder.path, ...suiteLimits });
});

afterEach(() => folder.remove());

describe('artifacts in a folder', () => describeArtifactStore(() => artifacts));

test('the file is private and named by its digest', async () => {
  const bytes = Buffer.from('firmware');
  await artifacts.put(sha256Of(bytes), { bytes: chunksOf(bytes), fromByte: 0 });
  expect(readdirSync(folder.path)).toEqual([sha256Of(bytes)]);
  expect(statSync(join(folder.path, sha256Of(bytes))).mode & 0o777).toBe(0o600);
});

test('kill -9 in the middle of an upload leaves nothing that could be served, and what was told to be there is gone on with', async () => {
  const entry = join(import.meta.dirname, 'upload-entry.ts');
  const upload = startProgram(process.execPath, ['--conditions=fleetward-source', entry, folder.path]);
  await upload.waitForOutput(/half/);
  upload.kill('SIGKILL');
  await upload.outcome;
  const content = Buffer.alloc(100_000, 7);
  const again = await openArtifactFolder({ path: folder.path, ...suiteLimits });
  expect((await again.list()).map(({ isWhole }) => isWhole)).toEqual([false]);
  const sha256 = sha256Of(content);
  const fromByte = await again.receivedBytes(sha256);
  expect(fromByte).toBe(50_000);
  const digests = await again.put(sha256, { bytes: chunksOf(content.subarray(fromByte), 9_999), fromByte });
  expect(digests).toMatchObject({ lengthBytes: 100_000 });
  expect(readdirSync(folder.path)).toEqual([sha256]);
});

needsRoot().describe('on a disk of one megabyte', () => {
  const disk = mkdtempSync(join(tmpdir(), 'fleetward-small-disk-'));
  afterEach(async () => {
    await runProgram('umount', ['-l', disk]);
    rmdirSync(disk);
  });

  test('an upload that fills it says so, loses no other artifact and leaves nothing behind', async () => {
    const mounted = await runProgram('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'tmpfs', disk]);
    if (mounted.code !== 0) throw new Error(`mount: ${mounted.stderr}`);
    const limits = { ...suiteLimits, artifactBytesMax: 10_000_000 };
    const store = await openArtifactFolder({ path: join(disk, 'artifacts'), ...limits });
    const small = Buffer.alloc(500_000, 'small ');
    await store.put(sha256Of(small), { bytes: chunksOf(small, 65_536), fromByte: 0 });
    const { bavail } = statfsSync(disk);
    const large = Buffer.alloc(2_000_000, 'large ');
    const full = store.put(sha256Of(large), { bytes: chunksOf(large, 65_536), fromByte: 0 });
    await expect(full).rejects.toMatchObject({
      code: 'releases.storage_full',
      message: expect.stringContaining('free some space'),
    });
    expect(statfsSync(disk).bavail).toBe(bavail);
    expect(await store.list()).toMatchObject([{ sha256: sha256Of(small), lengthBytes: 500_000 }]);
  });
});
