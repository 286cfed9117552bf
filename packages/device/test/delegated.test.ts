import type { Signer } from '@fleetward/core';
import { FakeClock } from '@fleetward/testkit';
import {
  addToRelease,
  chunkIndexPath,
  createChunkIndexer,
  customOfChunks,
  customOfRecord,
  customOfRelease,
  defaultOnlineSettings,
  delegateRelease,
  describeTarget,
  documentPath,
  type Fetcher,
  formatChunkIndex,
  initRelease,
  type PublishedState,
  publish,
  type ReleaseFolder,
  readUpload,
  signRelease,
  targetFilePath,
} from '@fleetward/updates';
import { beforeEach, expect, test } from 'vitest';
import { ForgetfulDisk } from './forgetful-disk.ts';
import { SimulatedDevice } from './simulated-device.ts';
import { edKey, lamp } from './test-repository.ts';

const dayMs = 86_400_000;
const role = (...signers: readonly Signer[]) => ({
  publicKeys: signers.map(({ publicKey }) => publicKey),
  threshold: signers.length,
});

const [engineer, stranger, snapshot, timestamp] = [edKey(), edKey(), edKey(), edKey()];
const team = [edKey(), edKey()];
/** Long enough to be cut into chunks. */
const image = (version: string) =>
  Buffer.concat([
    Buffer.from(`lamp ${version}\n`),
    Buffer.alloc(200_000, 'the same in all of them '.repeat(7)),
  ]);

let clock: FakeClock;
let expiresMs: number;
let lists: Map<string, Uint8Array>;
let files: Map<string, Uint8Array>;
let state: PublishedState;
let device: SimulatedDevice;

const folder: ReleaseFolder = {
  read: async (name) => lists.get(name),
  write: async (name, bytes) => void lists.set(name, bytes),
};
const fetcher: Fetcher = {
  fetch: async (path, { fromByte = 0, toByte }) => {
    const bytes = files.get(path)?.subarray(fromByte, toByte === undefined ? undefined : toByte + 1);
    return bytes === undefined ? { kind: 'absent' } : { kind: 'stream', chunks: pieces(bytes), fromByte };
  },
};

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 4_096) yield bytes.subarray(at, at + 4_096);
}

/** A list that is empty, and lamps that a team of two releases. */
beforeEach(async () => {
  clock = new FakeClock();
  expiresMs = clock.now() + 90 * dayMs;
  [lists, files, state] = [new Map(), new Map(), {}];
  const own = role(engineer!);
  const roles = { root: own, targets: own, snapshot: role(snapshot!), timestamp: role(timestamp!) };
  await initRelease(folder, { roles, rootExpiresMs: expiresMs, targetsExpiresMs: expiresMs });
  await delegateRelease(folder, { product: 'lamp', role: role(...team), expiresMs });
  await signRelease(folder, [engineer!, ...team]);
  expect(await putInForce()).toMatchObject({ kind: 'published' });
  const repository = { root: lists.get('1.root.json')!, fetcher, clock };
  device = new SimulatedDevice(new ForgetfulDisk(), { repository });
});

/** As the server does it. */
async function putInForce() {
  const { targets, delegated = new Map(), ...upload } = await readUpload(folder, state.root ? 1 : 0);
  const isNew = ([name, bytes]: [string, Uint8Array]) =>
    !Buffer.from(state.delegated?.get(name) ?? []).equals(bytes);
  const outcome = await publish({
    published: state,
    upload: {
      ...upload,
      ...(targets && !Buffer.from(state.targets ?? []).equals(targets) && { targets }),
      delegated: new Map([...delegated].filter(isNew)),
    },
    signers: { snapshot: [snapshot!], timestamp: [timestamp!], director: [] },
    clock,
    settings: defaultOnlineSettings,
  });
  if (outcome.kind !== 'published') return outcome;
  for (const { path, bytes } of outcome.files) files.set(path, bytes);
  state = outcome.state;
  return outcome;
}

/** A release with its SBOM and an index of its chunks, all in the list of the team. */
async function add(version: string, bytes = image(version)): Promise<void> {
  const path = `lamp/${version}/lamp.img`;
  const keep = async (name: string, content: Uint8Array, custom = {}) => {
    const target = await describeTarget(name, { content: pieces(content), custom });
    files.set(targetFilePath(target), content);
    return target;
  };
  const sbom = Buffer.from(`{"bomFormat":"CycloneDX","specVersion":"1.6","version":${version.length}}`);
  const document = await keep(documentPath(path, 'sbom'), sbom, { document: 'sbom' });
  const indexer = createChunkIndexer();
  indexer.push(bytes);
  const index = await keep(chunkIndexPath(path), formatChunkIndex(indexer.end())!);
  const custom = {
    ...customOfRelease({ ...lamp, version }),
    ...customOfRecord({ sbom: document.sha256 }),
    ...customOfChunks(index),
  };
  const target = await keep(path, bytes, custom);
  await addToRelease(folder, { target, documents: [document, index], expiresMs });
}

test('an agent installs what the team of its product releases, signed by the team alone', async () => {
  await add('1.0.0');
  await signRelease(folder, team.slice(0, 1));
  expect(await putInForce()).toMatchObject({ kind: 'refused', reason: 'below-threshold' });
  expect((await device.pass()).kind).toBe('current');
  await signRelease(folder, team.slice(1));
  expect(await putInForce()).toMatchObject({ kind: 'published' });
  expect(await device.pass()).toMatchObject({ kind: 'confirmed', version: '1.0.0' });
  await add('1.1.0');
  await signRelease(folder, team);
  await putInForce();
  expect(await device.pass()).toMatchObject({ kind: 'confirmed', version: '1.1.0', from: '1.0.0' });
  expect(image('1.1.0').equals(device.disk.read('/slots/b/image')!)).toBe(true);
});

test('it installs nothing of a list that others signed, of bytes the team did not sign for, or of another product', async () => {
  await add('1.0.0');
  await signRelease(folder, team);
  await putInForce();
  const good = new Map(files);
  const list = files.get('metadata/2.lamp.json')!;
  const { signed } = JSON.parse(Buffer.from(list).toString());
  const keyid = JSON.parse(Buffer.from(list).toString()).signatures[0].keyid;
  const sig = Buffer.from(await stranger!.sign(Buffer.from(JSON.stringify(signed)))).toString('hex');
  files.set('metadata/2.lamp.json', Buffer.from(JSON.stringify({ signatures: [{ keyid, sig }], signed })));
  expect(await device.pass()).toMatchObject({ kind: 'refused', subject: 'lamp' });
  files = new Map(good);
  for (const [path, bytes] of good)
    if (path.endsWith('.lamp.img')) files.set(path, Buffer.alloc(bytes.length, 'x'));
  expect(await device.pass()).toMatchObject({ kind: 'refused', reason: 'hash-mismatch' });
  files = new Map(good);
  const model = { product: 'lock', hardware: 'lamp-r1' };
  expect((await device.pass({ model })).kind).toBe('current');
  expect(await device.pass()).toMatchObject({ kind: 'confirmed', version: '1.0.0' });
});

test('once the delegation ends it is offered nothing of that list any more, and keeps what it runs', async () => {
  await add('1.0.0');
  await signRelease(folder, team);
  await putInForce();
  expect(await device.pass()).toMatchObject({ kind: 'confirmed', version: '1.0.0' });
  await add('1.1.0');
  await signRelease(folder, team);
  await delegateRelease(folder, { product: 'lamp', role: undefined, expiresMs });
  await signRelease(folder, [engineer!]);
  expect(await putInForce()).toMatchObject({ kind: 'published' });
  expect(await device.pass()).toMatchObject({ kind: 'current', version: '1.0.0' });
});
