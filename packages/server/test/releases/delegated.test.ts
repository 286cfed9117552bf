import { parseSha256 } from '@fleetward/core';
import {
  addToRelease,
  customOfRelease,
  delegateRelease,
  describeTarget,
  initRelease,
  type ReleaseFolder,
  readUpload,
  signRelease,
} from '@fleetward/updates';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openArtifactFolder, openReleaseService, type ReleaseService } from '../../src/releases/index.ts';
import { openRecords, type Records } from '../operators/records.ts';
import { newSigner } from './engineer.ts';

const actor = { kind: 'operator', operatorId: 'o1' } as const;
const dayMs = 86_400_000;
const path = 'lamp/1.0.0/lamp.img';
const online = { snapshot: [newSigner()], timestamp: [newSigner()] };
const engineer = newSigner();
const team = newSigner();
const role = ({ publicKey }: { readonly publicKey: Uint8Array }) => ({
  publicKeys: [publicKey],
  threshold: 1,
});

let records: Records;
let folder: ReleaseFolder;
let expiresMs: number;

beforeEach(async () => {
  records = await openRecords();
  expiresMs = records.clock.now() + 90 * dayMs;
  const files = new Map<string, Uint8Array>();
  folder = {
    read: async (name) => files.get(name),
    write: async (name, bytes) => void files.set(name, bytes),
  };
  const own = role(engineer);
  const roles = {
    root: own,
    targets: own,
    snapshot: role(online.snapshot[0]!),
    timestamp: role(online.timestamp[0]!),
  };
  await initRelease(folder, { roles, rootExpiresMs: expiresMs, targetsExpiresMs: expiresMs });
  await delegateRelease(folder, { product: 'lamp', role: role(team), expiresMs });
  await signRelease(folder, [engineer, team]);
});

afterEach(() => records.close());

async function* content() {
  yield Buffer.from('lamp');
}

async function open(): Promise<ReleaseService> {
  const { storage, clock, folder: home, trail } = records;
  const limits = { artifactBytesMax: 1_000, uploadsMax: 2, unfinishedMax: 4 };
  return openReleaseService({
    store: storage.stores.releases,
    artifactStore: await openArtifactFolder({ path: home.join('artifacts'), ...limits }),
    transactor: storage.transactor,
    trail,
    clock,
    signers: online,
    settings: { snapshotLifetimeMs: dayMs, timestampLifetimeMs: dayMs, unfinishedUploadMs: dayMs },
  });
}

test('a team publishes its list alone, which is served and offered, also after a restart, until its delegation ends', async () => {
  const first = await open();
  await first.publish(await readUpload(folder, 0), actor);
  const release = { product: 'lamp', version: '1.0.0', securityVersion: 1, hardware: ['r1'] };
  const target = await describeTarget(path, { content: content(), custom: customOfRelease(release) });
  await addToRelease(folder, { target, expiresMs });
  await signRelease(folder, [team]);
  const upload = await readUpload(folder, 1);
  await expect(first.publish(upload, actor)).rejects.toMatchObject({ code: 'releases.artifact_missing' });
  const sha256 = parseSha256(target.sha256);
  await first.artifacts.upload({ sha256, bytes: content(), fromByte: 0, actor });
  const roles = await first.publish(upload, actor);
  expect(roles).toContainEqual({ name: 'lamp', version: 2 });
  expect(await first.publish(upload, actor)).toEqual(roles); // an answer that was lost

  const again = await open();
  expect(again.roles()).toEqual(expect.arrayContaining([...roles]));
  expect((await again.metadataFile('2.lamp.json'))?.bytes).toEqual(upload.delegated?.get('lamp'));
  expect(again.release(path)).toMatchObject({ sha256, release });
  expect(again.target(`lamp/1.0.0/${sha256}.lamp.img`)).toMatchObject({ path });
  records.clock.advance(60_000);
  expect(await again.refreshTimestamp()).toHaveLength(5);

  await delegateRelease(folder, { product: 'lamp', role: undefined, expiresMs });
  await signRelease(folder, [engineer]);
  await again.publish(await readUpload(folder, 1), actor);
  expect(again.release(path)).toBeUndefined();
  expect((await open()).releases()).toEqual([]);
});
