import type { Sha256 } from '@fleetward/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ArtifactStore } from '../../src/releases/index.ts';
import { sha256Of } from './engineer.ts';

/** Limits that the store under test is opened with. */
export const suiteLimits = { artifactBytesMax: 1_000_000, uploadsMax: 2, unfinishedMax: 3 };

export async function* chunksOf(bytes: Uint8Array, size = 64): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(Buffer.from(chunk)); // what was given is used again
  return Buffer.concat(parts);
}

/** Bytes that come until there are no more, and then the connection breaks. */
async function* broken(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield* chunksOf(bytes);
  throw new Error('the client went away');
}

const firmware = Buffer.from('firmware');
const digest = sha256Of(firmware);

/** What every artifact store promises. `opened` is an empty one of `suiteLimits`. */
export function describeArtifactStore(opened: () => ArtifactStore): void {
  const put = (sha256: Sha256, bytes: AsyncIterable<Uint8Array>, fromByte = 0) =>
    opened().put(sha256, { bytes, fromByte });
  const breakOff = (content: Uint8Array, lengthBytes: number) =>
    expect(put(sha256Of(content), broken(content.subarray(0, lengthBytes)))).rejects.toThrow('went away');
  const kept = async () =>
    (await opened().list()).map(({ sha256, isWhole, lengthBytes }) => ({ sha256, isWhole, lengthBytes }));

  test('what was put, in one go or going on after each break, is read back, whole and in any range', async () => {
    const cuts = fc.array(fc.nat(1_000), { maxLength: 4 });
    const content = fc.uint8Array({ maxLength: 1_000 });
    await fc.assert(
      fc.asyncProperty(content, cuts, fc.nat(1_000), fc.nat(1_000), async (bytes, stops, start, length) => {
        const sha256 = sha256Of(bytes);
        for (const stop of stops.sort((a, b) => a - b)) {
          const fromByte = await opened().receivedBytes(sha256);
          const rest = put(sha256, broken(bytes.subarray(fromByte, Math.max(fromByte, stop))), fromByte);
          await expect(rest).rejects.toThrow('went away');
        }
        const fromByte = await opened().receivedBytes(sha256);
        const digests = await put(sha256, chunksOf(bytes.subarray(fromByte)), fromByte);
        expect(digests).toMatchObject({ sha256, lengthBytes: bytes.length });
        const whole = await collect(opened().read(sha256, { start: 0, end: bytes.length - 1 }));
        expect(whole.equals(bytes)).toBe(true);
        const end = Math.min(bytes.length, start + length) - 1;
        const part = await collect(opened().read(sha256, { start, end }));
        expect(part.equals(bytes.subarray(start, end + 1))).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  test('an artifact of many pieces is read in order while each piece is used again', async () => {
    const bytes = Buffer.from(
      Array.from({ length: 700_000 }, (_, index) => (index * 31 + (index >> 9)) % 256),
    );
    const sha256 = sha256Of(bytes);
    await put(sha256, chunksOf(bytes, 50_000));
    for (const [start, end] of [
      [0, bytes.length - 1],
      [65_535, 393_217],
      [699_999, 699_999],
    ] as const) {
      const read = await collect(opened().read(sha256, { start, end }));
      expect(read.equals(bytes.subarray(start, end + 1))).toBe(true);
    }
  });

  test('SHA-1 and MD5 are told too, by the vectors of RFC 3174 and RFC 1321', async () => {
    const abc = Buffer.from('abc');
    expect(await put(sha256Of(abc), chunksOf(abc))).toEqual({
      lengthBytes: 3,
      sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
      sha1: 'a9993e364706816aba3e25717850c26c9cd0d89d',
      md5: '900150983cd24fb0d6963f7d28e17f72',
    });
  });

  test.each([
    ['bytes of another digest', () => chunksOf(Buffer.from('other')), 'releases.digest_mismatch'],
    [
      'more bytes than allowed',
      () => chunksOf(new Uint8Array(1_000_001), 100_000),
      'releases.artifact_too_large',
    ],
  ])('%s leave nothing behind', async (_, bytes, code) => {
    await expect(put(digest, bytes())).rejects.toMatchObject({ code });
    expect(await kept()).toEqual([]);
  });

  test('what came of an upload that breaks off is kept, and is no artifact', async () => {
    await breakOff(firmware, 4);
    expect(await kept()).toEqual([{ sha256: digest, isWhole: false, lengthBytes: 4 }]);
    expect(await opened().receivedBytes(digest)).toBe(4);
    await expect(collect(opened().read(digest, { start: 0, end: 3 }))).rejects.toThrow();
  });

  test('going on counts from what is there: beyond it is refused and loses nothing, before it is written anew', async () => {
    await breakOff(firmware, 6);
    await expect(put(digest, chunksOf(firmware), 7)).rejects.toMatchObject({
      code: 'releases.upload_offset',
      details: { receivedBytes: 6 },
    });
    expect(await opened().receivedBytes(digest)).toBe(6);
    expect(await put(digest, chunksOf(firmware.subarray(3)), 3)).toMatchObject({ lengthBytes: 8 });
    expect(await opened().receivedBytes(digest)).toBe(0);
  });

  test('a kept part that is not of the artifact is found by its digest, and is gone then', async () => {
    const other = Buffer.from('f0rmware');
    await expect(put(digest, broken(other.subarray(0, 4)))).rejects.toThrow('went away');
    const rest = put(digest, chunksOf(firmware.subarray(4)), 4);
    await expect(rest).rejects.toMatchObject({ code: 'releases.digest_mismatch' });
    expect(await kept()).toEqual([]);
  });

  test('no more uploads run at once than allowed, one of each artifact', async () => {
    const gate = Promise.withResolvers<void>();
    async function* slow(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
      await gate.promise;
      yield bytes;
    }
    const contents = ['one', 'two', 'three'].map((text) => Buffer.from(text));
    const [one, two, three] = contents.map((bytes) => () => put(sha256Of(bytes), slow(bytes)));
    const running = [one!(), two!()];
    await expect(one!()).rejects.toMatchObject({ code: 'releases.upload_busy' });
    await expect(opened().remove(sha256Of(contents[0]!))).rejects.toMatchObject({
      code: 'releases.upload_busy',
    });
    await expect(three!()).rejects.toMatchObject({ code: 'releases.too_many_uploads' });
    gate.resolve();
    expect(await Promise.all(running)).toMatchObject([{ lengthBytes: 3 }, { lengthBytes: 3 }]);
    expect(await three!()).toMatchObject({ lengthBytes: 5 });
  });

  test('no more unfinished uploads are kept than allowed; one that is there goes on', async () => {
    const contents = ['one', 'two', 'three'].map((text) => Buffer.from(text));
    for (const bytes of contents) await breakOff(bytes, 2);
    await expect(put(digest, chunksOf(firmware))).rejects.toMatchObject({
      code: 'releases.too_many_uploads',
    });
    const [first] = contents;
    expect(await put(sha256Of(first!), chunksOf(first!.subarray(2)), 2)).toMatchObject({ lengthBytes: 3 });
    expect(await put(digest, chunksOf(firmware))).toMatchObject({ lengthBytes: 8 });
  });

  test('what is removed is gone, whole or not', async () => {
    await put(digest, chunksOf(firmware));
    const half = Buffer.from('half of it');
    await breakOff(half, 4);
    for (const sha256 of [digest, sha256Of(half), sha256Of(Buffer.from('none'))])
      await opened().remove(sha256);
    expect(await kept()).toEqual([]);
    await expect(collect(opened().read(digest, { start: 0, end: 7 }))).rejects.toThrow();
  });
}
