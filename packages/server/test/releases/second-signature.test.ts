import { randomBytes } from 'node:crypto';
import {
  generateReleaseKey,
  initRelease,
  type ReleaseFolder,
  type ReleaseSigner,
  readUpload,
  signRelease,
} from '@fleetward/updates';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openArtifactFolder, openReleaseService, type ReleaseService } from '../../src/releases/index.ts';
import { openRecords, type Records } from '../operators/records.ts';
import { newSigner } from './engineer.ts';

const actor = { kind: 'operator', operatorId: 'o1' } as const;
const dayMs = 86_400_000;

let records: Records;
const online = { snapshot: [newSigner()], timestamp: [newSigner()] };
const engineer = newSigner();
const second = mldsa65();

function mldsa65(): ReleaseSigner {
  const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };
  const options = {
    algorithm: 'ml-dsa-65',
    passphrase: 'correct horse',
    random,
    scryptCostLog2: 14,
  } as const;
  return generateReleaseKey(options).signer;
}

beforeEach(async () => {
  records = await openRecords();
});

afterEach(() => records.close());

async function open(): Promise<ReleaseService> {
  const { storage, clock, folder, trail } = records;
  const limits = { artifactBytesMax: 1_000, uploadsMax: 2, unfinishedMax: 4 };
  return openReleaseService({
    store: storage.stores.releases,
    artifactStore: await openArtifactFolder({ path: folder.join('artifacts'), ...limits }),
    transactor: storage.transactor,
    trail,
    clock,
    signers: online,
    settings: { snapshotLifetimeMs: dayMs, timestampLifetimeMs: dayMs, unfinishedUploadMs: dayMs },
  });
}

/** What an engineer sends whose root names an ML-DSA-65 key. */
async function uploadOf() {
  const files = new Map<string, Uint8Array>();
  const folder: ReleaseFolder = {
    read: async (name) => files.get(name),
    write: async (name, bytes) => void files.set(name, bytes),
  };
  const role = ({ publicKey }: Pick<ReleaseSigner, 'publicKey'>) => ({
    publicKeys: [publicKey],
    threshold: 1,
  });
  const own = role(engineer);
  const [snapshot, timestamp] = [online.snapshot[0]!, online.timestamp[0]!].map(role);
  const roles = {
    root: own,
    targets: own,
    snapshot: snapshot!,
    timestamp: timestamp!,
    mldsa65: role(second),
  };
  const expiresMs = records.clock.now() + 90 * dayMs;
  await initRelease(folder, { roles, rootExpiresMs: expiresMs, targetsExpiresMs: expiresMs });
  await signRelease(folder, [engineer, second]);
  return readUpload(folder, 0);
}

test('a list that is signed twice is published with its second signature, and stays so over restarts and renewals', async () => {
  const upload = await uploadOf();
  const bytes = upload.second!.get('1.targets.json')!;
  await (await open()).publish(upload, actor);
  const releases = await open();
  expect((await releases.metadataFile('1.targets.json.mldsa65'))?.bytes).toEqual(bytes);
  expect(
    releases
      .roles()
      .map(({ name }) => name)
      .sort(),
  ).toEqual(['root', 'snapshot', 'targets', 'timestamp']);
  records.clock.advance(60_000);
  expect(await releases.refreshTimestamp()).toHaveLength(4);
  expect(await releases.publish(upload, actor)).toEqual(releases.roles());
});

test('a list without the second signature that its root demands is refused', async () => {
  const { second: _, ...upload } = await uploadOf();
  await expect((await open()).publish(upload, actor)).rejects.toMatchObject({
    code: 'releases.metadata_refused',
    message: expect.stringMatching(/demands a second signature by ML-DSA-65/),
  });
});
