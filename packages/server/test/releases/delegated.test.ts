import { parseSha256 } from '@fleetward/core';
import {
  addToRelease,
  customOfRecord,
  customOfRelease,
  delegateRelease,
  describeTarget,
  documentPath,
  initRelease,
  parseReleaseRecord,
  type Release,
  type ReleaseFolder,
  readUpload,
  signRelease,
} from '@fleetward/updates';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openArtifactFolder, openReleaseService, type ReleaseService } from '../../src/releases/index.ts';
import { openRecords, type Records } from '../operators/records.ts';
import { newSigner, sha256Of } from './engineer.ts';

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

async function* content(bytes: Uint8Array = Buffer.from('lamp')) {
  yield bytes;
}

const sbom = Buffer.from('{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}');
const noSbom = Buffer.from('{"bomFormat":"none"}');

/** The release, and in the same list what is told to be its SBOM. */
async function addWithSbom(release: Release, document: Uint8Array) {
  const custom = { ...customOfRelease(release), ...customOfRecord({ sbom: sha256Of(document) }) };
  const target = await describeTarget(path, { content: content(), custom });
  const beside = await describeTarget(documentPath(path, 'sbom'), {
    content: content(document),
    custom: { document: 'sbom' },
  });
  await addToRelease(folder, { target, documents: [beside], expiresMs, isReplaced: true });
  return target;
}

function store(releases: ReleaseService, bytes: Uint8Array) {
  const sha256 = parseSha256(sha256Of(bytes));
  return releases.artifacts.upload({ sha256, bytes: content(bytes), fromByte: 0, actor });
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
  await addWithSbom(release, noSbom);
  await signRelease(folder, [team]);
  const withoutSbom = await readUpload(folder, 1);
  await expect(first.publish(withoutSbom, actor)).rejects.toMatchObject({
    code: 'releases.artifact_missing',
  });
  await store(first, Buffer.from('lamp'));
  await store(first, noSbom);
  await expect(first.publish(withoutSbom, actor)).rejects.toMatchObject({ code: 'releases.record_refused' });

  const target = await addWithSbom(release, sbom);
  await signRelease(folder, [team]);
  const upload = await readUpload(folder, 1);
  await expect(first.publish(upload, actor)).rejects.toMatchObject({ code: 'releases.artifact_missing' });
  await store(first, sbom);
  const { sha256 } = target;
  const roles = await first.publish(upload, actor);
  expect(roles).toContainEqual({ name: 'lamp', version: 3 });
  expect(parseReleaseRecord(first.release(path)?.custom ?? {})).toEqual({ sbom: sha256Of(sbom) });
  expect(await first.publish(upload, actor)).toEqual(roles); // an answer that was lost

  const again = await open();
  expect(again.roles()).toEqual(expect.arrayContaining([...roles]));
  expect((await again.metadataFile('3.lamp.json'))?.bytes).toEqual(upload.delegated?.get('lamp'));
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
