import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { readdirSync } from 'node:fs';
import type { TLSSocket } from 'node:tls';
import { parseCertificateId, type Signer, toBase64 } from '@fleetward/core';
import {
  type ApiClient,
  ApiError,
  createApiClient,
  getArtifact,
  getDeviceTarget,
  getMetadataFile,
  getOnlineKeys,
  getRelease,
  getReleaseDocument,
  getUploadState,
  listArtifacts,
  listMetadata,
  listReleases,
  metadataBytesMax,
  publishMetadata,
  putArtifact,
  removeArtifact,
} from '@fleetward/protocol';
import {
  createMemoryStore,
  createUpdateClient,
  customOfChunks,
  customOfRecord,
  customOfRelease,
  type Fetcher,
  installRoot,
} from '@fleetward/updates';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DenialReport } from '../../src/denials/index.ts';
import type { Authenticate } from '../../src/http/index.ts';
import {
  Downloads,
  openArtifactFolder,
  openReleaseService,
  releaseHandlers,
  updateHandlers,
} from '../../src/releases/index.ts';
import {
  type Listening,
  listen,
  makeCertificate,
  type TestCertificates,
  testLimits,
} from '../http/listening.ts';
import { rawRequest } from '../http/raw-request.ts';
import { openRecords, type Records } from '../operators/records.ts';
import { type Engineer, newEngineer, newSigner, sha256Of } from './engineer.ts';

// One listener for both kinds of caller here; the gateway has two.
const authenticate: Authenticate = async ({ authorization, socket }) => {
  if (authorization === 'Bearer operator') {
    return { kind: 'accepted', caller: { kind: 'operator', operatorId: 'o1', name: 'ada' } };
  }
  const peer = (socket as TLSSocket).getPeerX509Certificate();
  if (peer === undefined) return { kind: 'refused', reason: 'a client certificate is needed' };
  const certificateId = parseCertificateId(sha256Of(peer.raw));
  return { kind: 'accepted', caller: { kind: 'device', certificateId } };
};

const firmware = Buffer.alloc(60_000, 'firmware ');
const name = `app/${sha256Of(firmware)}.firmware v1+é.bin`;
const files = { 'app/firmware v1+é.bin': firmware };

let certificates: TestCertificates;
let records: Records;
let listening: Listening;
let online: { readonly snapshot: Signer; readonly timestamp: Signer; readonly director: Signer };
let engineer: Engineer;
let root: Uint8Array;
let operator: ApiClient;
let device: ApiClient;

// What a campaign will say.
let isOffered = true;
let capBytesPerSecond = 0;
let gate = Promise.resolve();
let nowMs = 0;
let counts: () => Readonly<Record<string, number>>;
const denied: DenialReport[] = [];
const pausesMs: number[] = [];

beforeAll(async () => {
  certificates = await makeCertificate();
  records = await openRecords();
  const { storage, trail, clock, folder } = records;
  const limits = { artifactBytesMax: 1_000_000, uploadsMax: 2, unfinishedMax: 4 };
  online = { snapshot: newSigner(), timestamp: newSigner(), director: newSigner() };
  engineer = newEngineer(online, clock);
  root = await engineer.root(1);
  const releases = await openReleaseService({
    store: storage.stores.releases,
    artifactStore: await openArtifactFolder({ path: folder.join('artifacts'), ...limits }),
    transactor: storage.transactor,
    trail,
    clock,
    signers: { snapshot: [online.snapshot], timestamp: [online.timestamp] },
    settings: { snapshotLifetimeMs: 3_600_000, timestampLifetimeMs: 3_600_000, unfinishedUploadMs: 1 },
  });
  const downloads = new Downloads({
    artifacts: releases.artifacts,
    rules: {
      mayFetch: () => isOffered,
      capsOf: () =>
        capBytesPerSecond === 0
          ? []
          : [{ key: `campaign ${capBytesPerSecond}`, bytesPerSecond: capBytesPerSecond }],
    },
    downloadsMax: 1,
    deviceDownloadsMax: 2,
    yieldsAfterMs: 10_000,
    totalBytesPerSecond: 0,
    deviceBytesPerSecond: 0,
    monotonicMs: () => nowMs,
    pause: (ms) => {
      pausesMs.push(ms);
      return gate;
    },
  });
  const denials = { record: (report: DenialReport) => void denied.push(report) };
  const handlers = [
    ...releaseHandlers(releases, online),
    ...updateHandlers({ releases, downloads, denials }),
  ];
  counts = () => downloads.counts;
  listening = await listen(certificates, { clock, authenticate, handlers });
  const { ca, cert, key } = certificates;
  operator = createApiClient({ baseUrl: listening.baseUrl, ca, token: 'operator' });
  device = createApiClient({ baseUrl: listening.baseUrl, ca, cert, key });
});

afterAll(async () => {
  operator.close();
  device.close();
  await listening.stop();
  await records.close();
});

const stored = () => readdirSync(records.folder.join('artifacts'));

/** Reads the repository as a device does: by paths below `/tuf/`. */
const fetcher: Fetcher = {
  fetch: async (path) => {
    const route = { ...getDeviceTarget, path: `/tuf/${path}`, params: undefined };
    try {
      return { kind: 'stream', chunks: (await device.download(route)).bytes };
    } catch (cause) {
      if (cause instanceof ApiError && cause.problem?.status === 404) return { kind: 'absent' };
      throw cause;
    }
  },
};

test('the keys an engineer names in the root are those the server signs with', async () => {
  const keys = await operator.call(getOnlineKeys);
  expect(keys.snapshot).toEqual({ algorithm: 'ed25519', publicKey: toBase64(online.snapshot.publicKey) });
  expect(keys.timestamp.publicKey).toBe(toBase64(online.timestamp.publicKey));
  expect(keys.director.publicKey).toBe(toBase64(online.director.publicKey));
});

test('an upload of other bytes than it names is refused and not kept', async () => {
  const params = { sha256: sha256Of(Buffer.from('else')) };
  await expect(operator.call(putArtifact, { params, body: firmware })).rejects.toMatchObject({
    problem: { status: 422, code: 'releases.digest_mismatch' },
  });
  expect(stored()).toEqual([]);
});

test('an upload that is too large is refused and not kept', async () => {
  const large = new Uint8Array(testLimits.uploadBytesMax + 1);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield large;
  }
  const params = { sha256: sha256Of(large) };
  await expect(operator.call(putArtifact, { params, body: chunks() })).rejects.toMatchObject({
    problem: { status: 413, code: 'http.body_too_large' },
  });
  expect(stored()).toEqual([]);
});

test('an upload that its client breaks off is no failure of the server, and goes on where it stopped', async () => {
  const controller = new AbortController();
  async function* endless(): AsyncGenerator<Uint8Array> {
    yield firmware.subarray(0, 1_000);
    await expect.poll(stored).toHaveLength(1);
    controller.abort();
    yield firmware.subarray(1_000);
  }
  const params = { sha256: sha256Of(firmware) };
  const upload = operator.call(putArtifact, { params, body: endless(), signal: controller.signal });
  await expect(upload).rejects.toMatchObject({ code: 'api.aborted' });
  expect(listening.lines.filter(({ level }) => level === 'error')).toEqual([]);

  const state = () => operator.call(getUploadState, { params });
  await expect.poll(state).toEqual({ receivedBytes: 1_000 });
  const { unfinished } = await operator.call(listArtifacts);
  expect(unfinished).toMatchObject([{ ...params, lengthBytes: 1_000 }]);
  const rest = (fromByte: number) => ({ params, query: { fromByte }, body: firmware.subarray(fromByte) });
  await expect(operator.call(putArtifact, rest(1_001))).rejects.toMatchObject({
    problem: { status: 409, code: 'releases.upload_offset' },
  });
  const whole = await operator.call(putArtifact, rest(1_000));
  expect(whole).toMatchObject({ lengthBytes: firmware.length, paths: [] });
  expect(await operator.call(getArtifact, { params })).toEqual(whole);
  await operator.call(removeArtifact, { params });
  expect(stored()).toEqual([]);
});

test('a release goes from the engineer to the device, which verifies it', async () => {
  const params = { sha256: sha256Of(firmware) };
  const artifact = await operator.call(putArtifact, { params, body: firmware });
  expect(artifact).toMatchObject({ sha256: params.sha256, lengthBytes: firmware.length });
  expect(await operator.call(putArtifact, { params, body: firmware })).toEqual(artifact);
  expect(await operator.call(listArtifacts)).toEqual({ artifacts: [artifact], unfinished: [] });

  const body = { roots: [toBase64(root)], targets: toBase64(await engineer.targets(2, files)) };
  const { roles } = await operator.call(publishMetadata, { body });
  expect((await operator.call(listMetadata)).roles).toEqual(roles);
  const file = await operator.call(getMetadataFile, { params: { file: '1.root.json' } });
  expect(Buffer.from(file).equals(root)).toBe(true);

  const store = createMemoryStore();
  await installRoot(store, root);
  const client = createUpdateClient({ store, fetcher, clock: records.clock });
  expect(await client.refresh()).toMatchObject({ kind: 'updated', versions: { root: 1, targets: 2 } });
  const [target] = client.targets();
  const received: Uint8Array[] = [];
  const outcome = await client.download(target!, { write: async (chunk) => void received.push(chunk) });
  expect(outcome).toMatchObject({ kind: 'downloaded' });
  expect(Buffer.concat(received).equals(firmware)).toBe(true);
});

test('a download that broke off goes on where it stopped', async () => {
  const path = `/tuf/targets/${name.split('/').map(encodeURIComponent).join('/')}`;
  const headers = { authorization: 'Bearer operator', range: 'bytes=59000-' };
  const { port } = listening;
  const asOperator = await rawRequest({ port, ca: certificates.ca, path, headers });
  expect(asOperator.status).toBe(403);
  const asDevice = await rawRequest({
    port,
    ca: certificates.ca,
    path,
    headers: { range: headers.range },
    client: certificates,
  });
  expect(asDevice.status).toBe(206);
  expect(asDevice.headers.etag).toBe(`"${sha256Of(firmware)}"`);
  expect(asDevice.body.equals(firmware.subarray(59_000))).toBe(true);
});

test('a device that the rules do not offer a target is refused, and the denial says what and whom', async () => {
  const params = { '*': name };
  isOffered = false;
  await expect(device.call(getDeviceTarget, { params })).rejects.toMatchObject({
    problem: { status: 403, code: 'releases.not_offered' },
  });
  isOffered = true;
  expect(denied).toMatchObject([
    {
      cause: 'request_denied',
      certificateId: sha256Of(new X509Certificate(certificates.cert).raw),
      explanation: expect.stringContaining('`app/firmware v1+é.bin` is not offered'),
    },
  ]);
  expect(Buffer.from(await fetchTarget()).equals(firmware)).toBe(true);
});

/** The whole target; the server is done with it a moment after its client is. */
async function fetchTarget(): Promise<Uint8Array> {
  const bytes = await device.call(getDeviceTarget, { params: { '*': name } });
  await expect.poll(() => counts().underWay).toBe(0);
  return bytes;
}

test('one more download than allowed is told to try again', async () => {
  const params = { '*': name };
  const { promise, resolve } = Promise.withResolvers<void>();
  gate = promise;
  capBytesPerSecond = 1;
  await fetchTarget();
  const waiting = fetchTarget();
  await expect.poll(() => counts().underWay).toBe(1);
  await expect(device.call(getDeviceTarget, { params })).rejects.toMatchObject({
    problem: { status: 503, code: 'releases.too_many_downloads' },
  });
  resolve();
  expect((await waiting).length).toBe(firmware.length);
  expect(denied.at(-1)).toMatchObject({
    cause: 'limit',
    explanation: expect.stringContaining('downloadsMax'),
  });
  expect(counts()).toMatchObject({ underWay: 0, overLimit: 1 });
});

test('a download that had its time is cut for another where all places are taken', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  gate = promise;
  capBytesPerSecond = 2;
  const before = counts();
  await fetchTarget();
  const path = `/tuf/targets/${name.split('/').map(encodeURIComponent).join('/')}`;
  const { port } = listening;
  const waiting = rawRequest({ port, ca: certificates.ca, path, client: certificates }).catch(
    (error: unknown) => error,
  );
  await expect.poll(() => counts().underWay).toBe(1);
  nowMs += 10_000;
  capBytesPerSecond = 0;
  expect((await device.call(getDeviceTarget, { params: { '*': name } })).length).toBe(firmware.length);
  expect(await waiting).toMatchObject({ code: 'ECONNRESET' });
  resolve();
  await expect.poll(() => counts().broken).toBe(before.broken! + 1);
  expect(counts()).toMatchObject({ underWay: 0, madeRoom: 1 });
  nowMs = 0;
});

test('a download waits for the cap that the rules name', async () => {
  const before = counts();
  pausesMs.length = 0;
  capBytesPerSecond = 10_000;
  for (const _ of [1, 2]) await fetchTarget();
  capBytesPerSecond = 0;
  // 60,000 bytes at 10,000 a second: the second one waits for the time of the first, less what may be caught up.
  expect(pausesMs).toEqual([5_950]);
  expect(counts()).toMatchObject({
    bytes: before.bytes! + 2 * firmware.length,
    waits: before.waits! + 1,
    completed: before.completed! + 2,
  });
});

test.each([
  `targets/${sha256Of(firmware)}`,
  `targets/${sha256Of(firmware)}.other.bin`,
  'targets/../1.root.json',
  'targets/%2e%2e%2f%2e%2e%2frecords.db',
  'metadata/2.root.json',
  'metadata/root.json',
])('`%s` is nothing the metadata offers', async (path) => {
  expect(await fetcher.fetch(path, { bytesMax: 1_000 })).toEqual({ kind: 'absent' });
});

test('targets nobody vouches for are refused with the step of TUF that refused them', async () => {
  const stranger = newEngineer(online, records.clock);
  const targets = toBase64(await stranger.targets(3, files));
  await expect(operator.call(publishMetadata, { body: { targets } })).rejects.toMatchObject({
    problem: { status: 422, code: 'releases.metadata_refused', detail: expect.stringContaining('TUF 5.6.3') },
  });
});

test('metadata may be larger than other bodies, and is bounded all the same', async () => {
  const large = toBase64(new Uint8Array(metadataBytesMax));
  await expect(operator.call(publishMetadata, { body: { targets: large } })).rejects.toMatchObject({
    problem: { status: 422, code: 'releases.metadata_refused' },
  });
  const larger = toBase64(new Uint8Array(metadataBytesMax + 3));
  await expect(operator.call(publishMetadata, { body: { targets: larger } })).rejects.toMatchObject({
    problem: { status: 400, code: 'http.invalid_request' },
  });
  await expect(
    operator.call(publishMetadata, { body: { roots: [large], targets: large } }),
  ).rejects.toMatchObject({
    problem: { status: 413, code: 'http.body_too_large' },
  });
});

test('published releases are listed in pages and shown with what stands beside them, and their documents are read', async () => {
  const sbom = Buffer.from('{"bomFormat":"CycloneDX","specVersion":"1.6"}');
  const index = Buffer.from('an index');
  const paths = ['metadata/b+é.img', 'app/a.img', 'app/z.img'];
  const release = { product: 'app', version: '1.0.0', securityVersion: 3, hardware: ['rev-b'] };
  const documents = { 'metadata/b+é.img.sbom.json': sbom, 'metadata/b+é.img.chunks': index };
  const images = Object.fromEntries(paths.map((path) => [path, firmware]));
  const signature = sign(
    'sha256',
    firmware,
    generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey,
  );
  const awsOta = { signature, certFile: 'signer.crt' };
  const record = { changelog: 'quieter', supportUntil: '2031-12-31', sbom: sha256Of(sbom), awsOta };
  const custom = customOfRelease(release);
  const chunks = customOfChunks({ sha256: sha256Of(index), length: index.length });
  const customs = {
    ...Object.fromEntries(paths.map((path) => [path, custom])),
    'metadata/b+é.img': { ...custom, ...customOfRecord(record), ...chunks },
  };
  for (const bytes of [sbom, index])
    await operator.call(putArtifact, { params: { sha256: sha256Of(bytes) }, body: bytes });
  const targets = toBase64(await engineer.targets(20, { ...images, ...documents }, customs));
  await operator.call(publishMetadata, { body: { targets } });

  const first = await operator.call(listReleases, { query: { limit: 2 } });
  expect(first).toMatchObject({ releases: [{ path: paths[1] }, { path: paths[2] }], next: paths[2] });
  const sbomFile = { path: `${paths[0]}.sbom.json`, sha256: sha256Of(sbom), lengthBytes: sbom.length };
  const summary = {
    ...{ path: paths[0], lengthBytes: firmware.length, sha256: sha256Of(firmware) },
    ...{ ...release, component: 'firmware', supportUntil: '2031-12-31', sbom: sbomFile },
  };
  const second = await operator.call(listReleases, { query: { after: first.next!, limit: 2 } });
  expect(second).toEqual({ releases: [summary] });

  const params = { '*': paths[0]! };
  const chunkFile = { path: `${paths[0]}.chunks`, sha256: sha256Of(index), lengthBytes: index.length };
  expect(await operator.call(getRelease, { params })).toEqual({
    ...{ ...summary, changelog: 'quieter', chunks: chunkFile, patches: [] },
    awsOta: { ...awsOta, signature: signature.toString('base64') },
  });
  const read = (kind: 'sbom' | 'provenance', path: string) =>
    operator.call(getReleaseDocument, { params: { kind, '*': path } });
  expect(Buffer.from(await read('sbom', paths[0]!)).equals(sbom)).toBe(true);
  for (const nothing of [
    () => read('provenance', paths[0]!),
    () => read('sbom', paths[1]!),
    () => read('sbom', `${paths[0]}.sbom.json`), // a document is no release
    () => operator.call(getRelease, { params: { '*': 'metadata/1.root.json' } }),
  ])
    await expect(nothing()).rejects.toMatchObject({ problem: { status: 404, code: 'releases.not_found' } });
  await expect(device.call(getRelease, { params })).rejects.toMatchObject({ problem: { status: 403 } });
});
