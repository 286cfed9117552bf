import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createUpdateClient } from '../src/client/client.ts';
import { installRoot } from '../src/client/install-root.ts';
import type { FileLayer } from '../src/store/file-layer.ts';
import { fileStoreOn, openFileStore } from '../src/store/file-store.ts';
import { fileOf, newSigner, publishedRepository } from './kit.ts';

class PowerCut extends Error {}

/**
 * A disk that forgets: contents last from `syncFile` on, entries from `syncFolder` on. At the cut each change not yet
 * made durable is kept or lost as `keep` says, and unsynced contents are torn at an arbitrary byte.
 */
class ForgetfulDisk implements FileLayer {
  /** Contents by file number; entries by path. */
  #durable = { contents: new Map<number, Uint8Array>(), entries: new Map<string, number>() };
  #now = { contents: new Map<number, Uint8Array>(), entries: new Map<string, number>() };
  #pending: { readonly path: string; readonly file: number | undefined }[] = [];
  #files = 0;
  steps = 0;
  cutAfter = Number.POSITIVE_INFINITY;

  #step() {
    if (this.steps >= this.cutAfter) throw new PowerCut();
    this.steps++;
  }

  async read(path: string) {
    const file = this.#now.entries.get(path);
    return file === undefined ? undefined : this.#now.contents.get(file);
  }

  async write(path: string, bytes: Uint8Array) {
    this.#step();
    const file = this.#now.entries.get(path) ?? this.#files++;
    if (!this.#now.entries.has(path)) this.#link(path, file);
    this.#now.contents.set(file, bytes);
  }

  async syncFile(path: string) {
    this.#step();
    const file = this.#now.entries.get(path)!;
    this.#durable.contents.set(file, this.#now.contents.get(file)!);
  }

  async rename(from: string, to: string) {
    this.#step();
    this.#link(to, this.#now.entries.get(from));
    this.#link(from, undefined);
  }

  async remove(path: string) {
    this.#step();
    this.#link(path, undefined);
  }

  async syncFolder(folder: string) {
    this.#step();
    const settled = this.#pending.filter(({ path }) => dirname(path) === folder);
    for (const change of settled) this.#settle(change);
    this.#pending = this.#pending.filter((change) => !settled.includes(change));
  }

  /** What the disk holds when the power is back. */
  powerBack(keep: readonly boolean[], tear: number): void {
    this.#pending.forEach((change, index) => {
      if (keep[index % keep.length]) this.#settle(change);
    });
    for (const [file, bytes] of this.#now.contents) {
      if (this.#durable.contents.get(file) === bytes) continue;
      this.#durable.contents.set(file, bytes.subarray(0, Math.floor(bytes.length * tear)));
    }
    this.#now = { contents: new Map(this.#durable.contents), entries: new Map(this.#durable.entries) };
    this.#pending = [];
    this.cutAfter = Number.POSITIVE_INFINITY;
    this.steps = 0;
  }

  #link(path: string, file: number | undefined) {
    if (file === undefined) this.#now.entries.delete(path);
    else this.#now.entries.set(path, file);
    this.#pending.push({ path, file });
  }

  #settle({ path, file }: { readonly path: string; readonly file: number | undefined }) {
    if (file === undefined) this.#durable.entries.delete(path);
    else this.#durable.entries.set(path, file);
  }
}

const cut = fc.record({
  after: fc.nat(60),
  keep: fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }),
  tear: fc.double({ min: 0, max: 0.99, noNaN: true }),
});

async function untilPowerCut(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return false;
  } catch (error) {
    if (error instanceof PowerCut) return true;
    throw error;
  }
}

describe('the trusted store', () => {
  it('holds the old bytes or the new ones after a power cut at any step, never torn ones', async () => {
    await fc.assert(
      fc.asyncProperty(
        cut,
        fc.array(fc.uint8Array({ minLength: 1 }), { minLength: 1, maxLength: 6 }),
        async (at, values) => {
          const disk = new ForgetfulDisk();
          const store = fileStoreOn(disk, '/trusted');
          let acknowledged: Uint8Array | undefined;
          let attempted: Uint8Array | undefined;
          disk.cutAfter = at.after;
          await untilPowerCut(async () => {
            for (const value of values) {
              attempted = value;
              await store.write('timestamp', value);
              acknowledged = value;
            }
          });
          disk.powerBack(at.keep, at.tear);
          expect([acknowledged, attempted]).toContainEqual(await store.read('timestamp'));
        },
      ),
    );
  });

  it('lets a refresh cut short at any step end where an undisturbed one ends', async () => {
    const repository = await publishedRepository();
    await fc.assert(
      fc.asyncProperty(cut, async (at) => {
        const disk = new ForgetfulDisk();
        const store = fileStoreOn(disk, '/trusted');
        await installRoot(store, repository.firstRoot);
        const client = createUpdateClient({ store, fetcher: repository.fetcher, clock: repository.clock });
        disk.cutAfter = disk.steps + (at.after % 18);
        await untilPowerCut(() => client.refresh());
        disk.powerBack(at.keep, at.tear);
        const again = createUpdateClient({ store, fetcher: repository.fetcher, clock: repository.clock });
        expect(['updated', 'current']).toContain((await again.refresh()).kind);
        expect(again.targets()).toHaveLength(1);
      }),
      { numRuns: 60 },
    );
  });

  it('recovers from a fast-forward though the power fails while the root rotates', async () => {
    const repository = await publishedRepository();
    const honest = new Map(repository.files);
    await repository.forgeOnline({ timestamp: { version: Number.MAX_SAFE_INTEGER } });
    const forged = new Map(repository.files);
    for (const [path, bytes] of honest) repository.files.set(path, bytes);
    await repository.rotate({ timestamp: [...repository.keys.timestamp, newSigner()] });
    const rotated = new Map(repository.files);
    for (let step = 0; step < 12; step++) {
      const disk = new ForgetfulDisk();
      const store = fileStoreOn(disk, '/trusted');
      await installRoot(store, repository.firstRoot);
      const parts = { store, fetcher: repository.fetcher, clock: repository.clock };
      for (const [path, bytes] of forged) repository.files.set(path, bytes);
      repository.files.delete('metadata/2.root.json');
      expect(await createUpdateClient(parts).refresh()).toMatchObject({ kind: 'updated' });
      for (const [path, bytes] of rotated) repository.files.set(path, bytes);
      disk.cutAfter = disk.steps + step;
      await untilPowerCut(() => createUpdateClient(parts).refresh());
      disk.powerBack([step % 2 === 0], 0.5);
      expect(['updated', 'current']).toContain((await createUpdateClient(parts).refresh()).kind);
    }
  });

  it('keeps names apart in a real folder, for the owner only, and removes quietly', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'fleetward-store-'));
    const folder = join(parent, 'trusted');
    const store = await openFileStore(folder);
    await store.write('delegated.../../escape', fileOf('a'));
    await store.write('root', fileOf('b'));
    await store.remove('nothing');
    expect(await readdir(parent)).toEqual(['trusted']);
    expect((await readdir(folder)).toSorted()).toEqual([
      'delegated...%2F..%2Fescape.trusted',
      'root.trusted',
    ]);
    expect((await stat(join(folder, 'root.trusted'))).mode & 0o077).toBe(0);
    expect(await store.read('delegated.../../escape')).toEqual(Buffer.from('a'));
    expect(await store.read('nothing')).toBeUndefined();
    await rm(parent, { recursive: true });
  });
});
