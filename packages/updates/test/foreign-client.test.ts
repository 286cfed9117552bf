import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Updater } from 'tuf-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  dayMs,
  fakeClock,
  fileOf,
  lampRelease,
  newSigner,
  publishedRepository,
  type TestRepository,
} from './kit.ts';

let folder: string;
let server: Server;
let repository: TestRepository;
let baseUrl: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fleetward-updates-'));
  repository = await publishedRepository(fakeClock(Date.now())); // tuf-js takes the time from the system
  server = createServer((request, response) => {
    const bytes = repository.files.get((request.url ?? '').slice(1));
    response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await writeFile(join(folder, 'root.json'), repository.firstRoot);
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

function foreignClient() {
  return new Updater({
    metadataDir: folder,
    metadataBaseUrl: `${baseUrl}/metadata`,
    targetDir: folder,
    targetBaseUrl: `${baseUrl}/targets`,
    config: { fetchRetry: 0 },
  });
}

describe('tuf-js as a foreign client', () => {
  it('refreshes from our repository and downloads a release', async () => {
    const client = foreignClient();
    await client.refresh();
    const target = await client.getTargetInfo('lamp/1.0.0.img');
    expect(target?.custom).toEqual(lampRelease('1.0.0', 1));
    const file = await client.downloadTarget(target!);
    expect(await readFile(file, 'utf8')).toBe('lamp firmware 1.0.0');
  });

  it('follows a rotation of every key and a new release', async () => {
    await foreignClient().refresh();
    await repository.rotate({
      root: [newSigner('rsa-pss-sha256'), newSigner()],
      targets: [newSigner('rsa-pss-sha256'), newSigner('rsa-pss-sha256')],
      snapshot: [newSigner('rsa-pss-sha256')],
      timestamp: [newSigner()],
      director: [newSigner()], // what other clients do not know does not disturb them
    });
    await repository.release('lamp/1.1.0.img', fileOf('lamp firmware 1.1.0'), lampRelease('1.1.0', 2));
    const client = foreignClient();
    await client.refresh();
    expect((await client.getTargetInfo('lamp/1.1.0.img'))?.length).toBe(19);
  });

  it('refuses what we refuse: expired metadata and a tampered image', async () => {
    const [path] = [...repository.files.keys()].filter((name) => name.startsWith('targets/'));
    repository.files.set(path!, fileOf('lamp firmware 1.0.1'));
    const client = foreignClient();
    const target = await client.getTargetInfo('lamp/1.0.0.img');
    await expect(client.downloadTarget(target!)).rejects.toThrow('Expected hash');
    repository.clock.set(Date.now() - 2 * dayMs);
    await repository.renew();
    await expect(foreignClient().refresh()).rejects.toThrow('expired');
  });
});
