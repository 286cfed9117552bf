import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createUpdateClient, type Fetcher, installRoot, openFileStore } from '../src/index.ts';
import { lampRelease, publishedRepository, type TestRepository } from './kit.ts';

let folder: string;
let server: Server;
let repository: TestRepository;
const image = Buffer.alloc(8 * 1024 * 1024, 'lamp firmware 1.1.0 ');

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fleetward-http-'));
  repository = await publishedRepository();
  await repository.release('lamp/1.1.0.img', image, lampRelease('1.1.0', 2));
  server = createServer((request, response) => {
    const bytes = repository.files.get((request.url ?? '').slice(1));
    response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

function httpFetcher(): Fetcher {
  const { port } = server.address() as AddressInfo;
  return {
    async fetch(path, { signal }) {
      const response = await fetch(`http://127.0.0.1:${port}/${path}`, { ...(signal && { signal }) });
      if (response.status === 404) return { kind: 'absent' };
      if (!response.ok || response.body === null)
        return { kind: 'unreachable', explanation: `HTTP ${response.status}` };
      return { kind: 'stream', chunks: response.body };
    },
  };
}

it('updates over HTTP with a store on disk, and goes on where it was after a restart', async () => {
  const parts = {
    store: await openFileStore(join(folder, 'trusted')),
    fetcher: httpFetcher(),
    clock: repository.clock,
  };
  await installRoot(parts.store, repository.firstRoot);
  const client = createUpdateClient(parts);
  expect(await client.refresh()).toMatchObject({ kind: 'updated', versions: { targets: 3 } });
  const found = await client.findTarget('lamp/1.1.0.img');
  if (found.kind !== 'found') throw new Error(`expected a target, got ${found.kind}`);
  const file = createWriteStream(join(folder, 'slot'));
  const sink = {
    write: (chunk: Uint8Array) => new Promise<void>((done) => void file.write(chunk, () => done())),
  };
  expect(await client.download(found.target, sink)).toEqual({ kind: 'downloaded', bytes: image.length });
  await finished(file.end());
  const installed = createHash('sha256')
    .update(await readFile(join(folder, 'slot')))
    .digest('hex');
  expect(installed).toBe(found.target.sha256);
  expect(await createUpdateClient(parts).refresh()).toMatchObject({ kind: 'current' });
});
