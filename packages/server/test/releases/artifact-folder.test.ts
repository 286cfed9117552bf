import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom, startProgram, type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ArtifactFolder, openArtifactFolder } from '../../src/releases/index.ts';
import { sha256Of } from './engineer.ts';

const bytesMax = 1_000;
let folder: TemporaryFolder;
let artifacts: ArtifactFolder;

beforeEach(async () => {
  folder = temporaryFolder();
  artifacts = await open();
});

afterEach(() => folder.remove());

const open = (path = folder.path) =>
  openArtifactFolder({ path, random: seededRandom(3), artifactBytesMax: bytesMax, uploadsMax: 2 });

async function* chunksOf(bytes: Uint8Array, size = 64): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

test('what was put is read back, whole and in any range', async () => {
  const content = fc.uint8Array({ maxLength: bytesMax });
  await fc.assert(
    fc.asyncProperty(content, fc.nat(bytesMax), fc.nat(bytesMax), async (bytes, start, length) => {
      const sha256 = sha256Of(bytes);
      expect(await artifacts.put(sha256, chunksOf(bytes))).toBe(bytes.length);
      const whole = await collect(artifacts.read(sha256, { start: 0, end: bytes.length - 1 }));
      expect(whole.equals(bytes)).toBe(true);
      const end = Math.min(bytes.length, start + length) - 1;
      const part = await collect(artifacts.read(sha256, { start, end }));
      expect(part.equals(bytes.subarray(start, end + 1))).toBe(true);
    }),
    { numRuns: 30 },
  );
});

test('the file is private and named by its digest', async () => {
  const bytes = Buffer.from('firmware');
  await artifacts.put(sha256Of(bytes), chunksOf(bytes));
  expect(readdirSync(folder.path)).toEqual([sha256Of(bytes)]);
  expect(statSync(join(folder.path, sha256Of(bytes))).mode & 0o777).toBe(0o600);
});

test.each([
  ['bytes of another digest', chunksOf(Buffer.from('other')), 'releases.digest_mismatch'],
  ['more bytes than allowed', chunksOf(new Uint8Array(bytesMax + 1)), 'releases.artifact_too_large'],
])('%s leave nothing behind', async (_, bytes, code) => {
  await expect(artifacts.put(sha256Of(Buffer.from('firmware')), bytes)).rejects.toMatchObject({ code });
  expect(readdirSync(folder.path)).toEqual([]);
});

test('a source that breaks off leaves nothing behind', async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('firm');
    throw new Error('the client went away');
  }
  await expect(artifacts.put(sha256Of(Buffer.from('firmware')), broken())).rejects.toThrow(
    'the client went away',
  );
  expect(readdirSync(folder.path)).toEqual([]);
});

test('no more uploads run at once than allowed', async () => {
  const gate = Promise.withResolvers<void>();
  async function* slow(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('firm');
    await gate.promise;
    yield Buffer.from('ware');
  }
  const sha256 = sha256Of(Buffer.from('firmware'));
  const running = [artifacts.put(sha256, slow()), artifacts.put(sha256, slow())];
  await expect(artifacts.put(sha256, slow())).rejects.toMatchObject({ code: 'releases.too_many_uploads' });
  gate.resolve();
  expect(await Promise.all(running)).toEqual([8, 8]);
  expect(await artifacts.put(sha256, chunksOf(Buffer.from('firmware')))).toBe(8);
});

test('kill -9 in the middle of an upload leaves nothing that could be served, and the next start cleans up', async () => {
  const entry = join(import.meta.dirname, 'upload-entry.ts');
  const upload = startProgram(process.execPath, ['--conditions=fleetward-source', entry, folder.path]);
  await upload.waitForOutput(/half/);
  upload.kill('SIGKILL');
  await upload.outcome;
  const left = readdirSync(folder.path);
  expect(left).toHaveLength(1);
  expect(left[0]).toMatch(/\.unfinished$/);
  expect(readFileSync(folder.join(left[0]!)).length).toBeGreaterThan(0);
  await open();
  expect(readdirSync(folder.path)).toEqual([]);
});
