import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { type ApiClient, createApiClient } from '@fleetward/protocol';
import {
  createMemoryStore,
  createUpdateClient,
  installRoot,
  type Target,
  timestampFilePath,
  type UpdateClient,
} from '@fleetward/updates';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { platformFetcher } from '../src/agent/fetcher.ts';
import { TestAuthority } from './test-authority.ts';
import { TestRepository } from './test-repository.ts';

// The attacks that need a wire: the agent's own fetcher over TLS, and a repository that does as it likes.
const image = Buffer.alloc(300_000, 'lamp firmware 1.0.0 ');
const chunk = Buffer.alloc(16_384, 'x');

const absent = {
  type: 'about:blank',
  title: 'Not Found',
  status: 404,
  code: 'releases.not_found',
  detail: 'no such file',
};

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

let repository: TestRepository;
let imagePath: string;
let authority: TestAuthority;
let server: Server;
let api: ApiClient;
/** What the repository does for a path instead of sending what it has. */
let hostile: Map<string, Answer>;
let sentBytes: number;
let client: UpdateClient;
let target: Target;

beforeAll(async () => {
  repository = await TestRepository.create();
  imagePath = await repository.release(image);
  authority = await TestAuthority.create();
  server = createServer(await authority.serverCredentials(), (request, response) => {
    const path = (request.url ?? '').replace('/tuf/', '');
    const bytes = repository.files.get(path);
    const answer = hostile.get(path);
    if (answer !== undefined) return answer(response, request);
    if (bytes !== undefined) return void response.end(bytes);
    response.writeHead(404, { 'content-type': 'application/problem+json' }).end(JSON.stringify(absent));
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  api = newApi(authority);
});

beforeEach(async () => {
  hostile = new Map();
  sentBytes = 0;
  client = await newClient(api);
  expect(await client.refresh()).toMatchObject({ kind: 'updated' });
  target = client.targets()[0]!;
});

afterAll(async () => {
  api.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function newApi(trusted: TestAuthority): ApiClient {
  const { port } = server.address() as AddressInfo;
  const baseUrl = `https://localhost:${port}`;
  return createApiClient({ baseUrl, ca: trusted.rootPem, timeoutMs: 5_000 });
}

/** `secondsPerChunk` is how long each piece of an answer seems to take. */
async function newClient(by: ApiClient, secondsPerChunk = 0): Promise<UpdateClient> {
  const store = createMemoryStore();
  await installRoot(store, repository.root);
  let nowMs = 0;
  const monotonicMs = () => {
    nowMs += secondsPerChunk * 1000;
    return nowMs;
  };
  const fetcher = platformFetcher(by, { bytesPerSecondMin: 512, monotonicMs });
  return createUpdateClient({ store, fetcher, clock: Date });
}

async function download(from = client) {
  let bytes = 0;
  const write = async (part: Uint8Array) => {
    bytes += part.length;
  };
  return { outcome: await from.download(target, { write }), bytes };
}

/** Sends pieces until nobody reads them any more. */
function endless(piece: Uint8Array, pauseMs = 0): Answer {
  return (response) => {
    response.writeHead(200);
    const send = () => {
      if (response.destroyed) return;
      sentBytes += piece.length;
      const goesOn = response.write(piece);
      if (pauseMs > 0) setTimeout(send, pauseMs);
      else if (goesOn) setImmediate(send);
      else response.once('drain', send);
    };
    send();
  };
}

const whole =
  (bytes: Uint8Array, headers: Record<string, string> = {}): Answer =>
  (response) =>
    void response.writeHead(200, headers).end(bytes);

test('the honest repository is downloaded from', async () => {
  expect(await download()).toEqual({
    outcome: { kind: 'downloaded', bytes: image.length },
    bytes: image.length,
  });
});

test('endless data: an image without end is cut at its length, and never whole', async () => {
  hostile.set(imagePath, endless(chunk));
  const { outcome, bytes } = await download();
  expect(outcome).toMatchObject({ kind: 'refused', step: '5.7.3', reason: 'length-mismatch' });
  expect(bytes).toBeLessThan(image.length);
  expect(sentBytes).toBeLessThan(16 * 1024 * 1024);
});

test.each([timestampFilePath, 'metadata/2.root.json'])(
  'endless data: %s is cut at its bound',
  async (path) => {
    hostile.set(path, endless(chunk));
    expect(await client.refresh()).toMatchObject({ kind: 'refused', reason: 'too-long' });
    expect(sentBytes).toBeLessThan(16 * 1024 * 1024);
  },
);

test('slow retrieval: an image that trickles is given up', async () => {
  hostile.set(imagePath, endless(Buffer.from('x'), 1));
  const { outcome } = await download(await refreshed(await newClient(api, 20)));
  expect(outcome).toMatchObject({ kind: 'unreachable', explanation: expect.stringMatching(/are too few/) });
});

test('slow retrieval: metadata that trickles is given up', async () => {
  hostile.set(timestampFilePath, endless(Buffer.from('x'), 1));
  expect(await (await newClient(api, 20)).refresh()).toMatchObject({
    kind: 'unreachable',
    path: timestampFilePath,
  });
});

test('truncated: an image that breaks off is not taken for a whole one', async () => {
  hostile.set(imagePath, (response) => {
    response.writeHead(200, { 'content-length': String(image.length) });
    response.write(image.subarray(0, 100_000), () => response.destroy());
  });
  const { outcome, bytes } = await download();
  expect(outcome.kind).toBe('unreachable');
  expect(bytes).toBeLessThan(image.length);
});

test.each([
  ['wrong length: a shorter image', image.subarray(1), 'length-mismatch'],
  ['oversized: a longer image', Buffer.concat([image, chunk]), 'length-mismatch'],
  [
    'wrong hash, arbitrary software: another image of that length',
    Buffer.alloc(image.length, 'evil'),
    'hash-mismatch',
  ],
])('%s is refused', async (_, bytes, reason) => {
  hostile.set(imagePath, whole(bytes));
  expect((await download()).outcome).toMatchObject({ kind: 'refused', step: '5.7.3', reason });
});

test('zip bomb: what an answer claims to be compressed is not unpacked', async () => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  for (const [path, headers] of [
    [imagePath, { 'content-encoding': 'gzip' }],
    [timestampFilePath, { 'content-encoding': 'gzip' }],
  ] as const)
    hostile.set(path, whole(bomb, headers));
  const { outcome, bytes } = await download();
  expect(outcome).toMatchObject({ kind: 'refused', reason: 'length-mismatch' });
  expect(bytes).toBeLessThanOrEqual(bomb.length);
  expect(await client.refresh()).toMatchObject({ kind: 'refused', step: '5.4.1', reason: 'too-long' });
});

test('malicious mirror: a repository that another authority vouches for is not spoken to', async () => {
  using other = {
    api: newApi(await TestAuthority.create('Other root')),
    [Symbol.dispose]: () => other.api.close(),
  };
  expect(await (await newClient(other.api)).refresh()).toMatchObject({ kind: 'unreachable' });
});

test('malicious mirror: a device is not sent elsewhere', async () => {
  hostile.set(imagePath, (response, request) => {
    response.writeHead(302, { location: `${request.url}/elsewhere` }).end();
  });
  hostile.set(`${imagePath}/elsewhere`, whole(image));
  expect((await download()).outcome).toMatchObject({ kind: 'unreachable' });
});

async function refreshed(other: UpdateClient): Promise<UpdateClient> {
  expect((await other.refresh()).kind).toBe('updated');
  return other;
}
