import { createCipheriv, createHash } from 'node:crypto';
import { parseSha256 } from '@fleetward/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chunkBytes, createChunker } from '../src/chunks/chunker.ts';
import { downloadTarget } from '../src/client/download.ts';
import {
  type ChunkIndex,
  chunkIndexBytesMax,
  chunkIndexPath,
  createChunkIndexer,
  customOfChunks,
  type Fetcher,
  formatChunkIndex,
  type LocalImage,
  parseChunkIndex,
  placesOf,
  planAssembly,
  remoteBytes,
  targetFilePath,
} from '../src/index.ts';

/** Bytes without a pattern, the same for each seed. */
const noise = (seed: string, lengthBytes: number) => {
  const key = createHash('sha256').update(seed).digest().subarray(0, 16);
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(lengthBytes));
};
const sha256Of = (bytes: Uint8Array) => parseSha256(createHash('sha256').update(bytes).digest('hex'));

function indexOf(image: Uint8Array): ChunkIndex {
  const indexer = createChunkIndexer();
  indexer.push(image);
  return indexer.end();
}

/** The chunks when the bytes come in pieces of these sizes, again and again. */
function chunksOf(image: Uint8Array, sizes: readonly number[]): readonly Buffer[] {
  const chunker = createChunker();
  const chunks: Buffer[] = [];
  for (let at = 0, turn = 0; at < image.length; turn++) {
    const size = sizes[turn % sizes.length]!;
    for (const chunk of chunker.push(image.subarray(at, at + size))) chunks.push(Buffer.from(chunk));
    at += size;
  }
  for (const chunk of chunker.end()) chunks.push(Buffer.from(chunk));
  return chunks;
}

/** Half noise, half pattern: both kinds of bytes there are in firmware. */
const image = fc
  .tuple(fc.integer(), fc.nat({ max: 200_000 }), fc.nat({ max: 100_000 }))
  .map(([seed, noisy, plain]) => Buffer.concat([noise(`${seed}`, noisy), Buffer.alloc(plain, seed & 255)]));

describe('chunks', () => {
  test('are the image, within their bounds, and the same however the bytes come', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(image, sizes, (bytes, given) => {
        const sizesGiven = given.map((size) => Math.max(size, bytes.length >> 8, 1));
        const chunks = chunksOf(bytes, sizesGiven);
        expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
        for (const chunk of chunks.slice(0, -1)) expect(chunk.length).toBeGreaterThanOrEqual(chunkBytes.min);
        for (const chunk of chunks) expect(chunk.length).toBeLessThanOrEqual(chunkBytes.max);
        const whole = chunksOf(bytes, [bytes.length]);
        expect(chunks.map(({ length }) => length)).toEqual(whole.map(({ length }) => length));
      }),
      { numRuns: 40 },
    );
  });

  test('are cut where the format says, on every machine and in every version', () => {
    const bytes = Buffer.alloc(1_000_000);
    // xorshift32: simple enough to be written anywhere.
    for (let at = 0, x = 1; at < bytes.length; at++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      bytes[at] = x & 255;
    }
    const index = indexOf(bytes);
    expect(index.chunks.slice(0, 4).map(({ lengthBytes }) => lengthBytes)).toEqual([
      15_595, 19_722, 18_656, 19_803,
    ]);
    expect(sha256Of(formatChunkIndex(index)!)).toBe(
      'b882a391a6d7439826e90141df35b67ab62e21d9bbdd17ae42b6e15ba887b8f0',
    );
  });

  test('are about as long as they should be', () => {
    const { chunks, lengthBytes } = indexOf(noise('average', 8_000_000));
    const average = lengthBytes / chunks.length;
    expect(average).toBeGreaterThan(0.75 * chunkBytes.wished);
    expect(average).toBeLessThan(1.5 * chunkBytes.wished);
  });

  test('of an image that was edited in one place are the same but for a few', () => {
    const before = noise('edited', 1_000_000);
    const had = new Set(indexOf(before).chunks.map(({ sha256 }) => sha256));
    const places = fc.nat({ max: before.length });
    fc.assert(
      fc.property(places, fc.nat({ max: 500 }), fc.uint8Array({ maxLength: 500 }), (at, removed, added) => {
        const after = Buffer.concat([before.subarray(0, at), added, before.subarray(at + removed)]);
        const isNew = indexOf(after).chunks.filter(({ sha256 }) => !had.has(sha256));
        expect(isNew.length).toBeLessThanOrEqual(6);
      }),
      { numRuns: 25 },
    );
  });
});

describe('an index', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(image, (bytes) => {
        const index = indexOf(bytes);
        expect(parseChunkIndex(formatChunkIndex(index)!)).toEqual(index);
      }),
      { numRuns: 20 },
    );
  });

  const good = Buffer.from(formatChunkIndex(indexOf(noise('index', 100_000)))!);
  const altered = (at: number, byte: number) => {
    const bytes = Buffer.from(good);
    bytes[at] = byte;
    return bytes;
  };
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['other magic', altered(7, 0x32)],
    ['half an entry', good.subarray(0, -1)],
    ['an entry too few', good.subarray(0, -36)],
    ['a longer image', altered(15, good[15]! ^ 1)],
    ['an image of exabytes', altered(8, 1)],
    ['a chunk of no length', Buffer.concat([good, Buffer.alloc(36)])],
    ['a huge chunk', altered(16 + 32, 1)],
    ['too many chunks', Buffer.alloc(chunkIndexBytesMax + 1)],
  ])('of %s is refused', (_, bytes) => {
    expect(() => parseChunkIndex(bytes)).toThrow(expect.objectContaining({ code: 'updates.chunks_invalid' }));
  });

  test('is not made of an image that has too many chunks', () => {
    const chunk = { sha256: '00'.repeat(32), lengthBytes: chunkBytes.min };
    const chunks = Array.from({ length: Math.ceil(chunkIndexBytesMax / 36) }, () => chunk);
    const made = formatChunkIndex({ lengthBytes: chunks.length * chunk.lengthBytes, chunks });
    expect(made === undefined).toBe(true);
  });
});

describe('a plan', () => {
  test('gives the image from any byte on, in no more ranges than allowed', () => {
    const first = noise('plan', 400_000);
    const edits = fc.array(fc.tuple(fc.nat({ max: 400_000 }), fc.nat({ max: 2_000 })), { maxLength: 12 });
    const limits = fc.record({
      fromByte: fc.nat({ max: 450_000 }),
      rangesMax: fc.integer({ min: 1, max: 6 }),
      gapBytesMin: fc.nat({ max: 40_000 }),
    });
    fc.assert(
      fc.property(edits, limits, fc.boolean(), (changes, options, isMoved) => {
        let second = isMoved
          ? Buffer.concat([first.subarray(150_000), first.subarray(0, 150_000)])
          : Buffer.from(first);
        for (const [at, length] of changes)
          second = Buffer.concat([second.subarray(0, at), noise(`${at}`, length), second.subarray(at)]);
        const sources = [first, noise('other source', 50_000)];
        const steps = planAssembly(indexOf(second), placesOf(sources.map(indexOf)), options);
        const parts = steps.map((step) =>
          (step.kind === 'local' ? sources[step.source]! : second).subarray(
            step.startByte,
            step.startByte + step.lengthBytes,
          ),
        );
        expect(Buffer.concat(parts).equals(second.subarray(options.fromByte))).toBe(true);
        expect(steps.filter(({ kind }) => kind === 'remote').length).toBeLessThanOrEqual(options.rangesMax);
      }),
      { numRuns: 60 },
    );
  });

  test('fetches nothing of what is all there, and all in one range of what is not', () => {
    const index = indexOf(noise('all', 300_000));
    const options = { fromByte: 0, rangesMax: 100, gapBytesMin: 0 };
    expect(remoteBytes(planAssembly(index, placesOf([index]), options))).toBe(0);
    expect(planAssembly(index, placesOf([]), options)).toEqual([
      { kind: 'remote', startByte: 0, lengthBytes: 300_000 },
    ]);
  });
});

describe('a download with an index', () => {
  const before = noise('before', 300_000);
  const after = Buffer.concat([before.subarray(0, 120_000), noise('new', 900), before.subarray(121_000)]);
  const index = formatChunkIndex(indexOf(after))!;
  const path = 'lamp/2.img';
  const described = { path: chunkIndexPath(path), sha256: sha256Of(index), length: index.length };
  const target = {
    path,
    length: after.length,
    sha256: sha256Of(after),
    custom: customOfChunks(described),
  };

  interface Played {
    readonly index?: Uint8Array;
    readonly local?: Uint8Array | readonly LocalImage[];
    /** What the repository makes of a range. */
    readonly ranges?: 'served' | 'ignored' | 'open-ended' | 'broken';
    readonly custom?: typeof target.custom;
  }

  async function play({ ranges = 'served', ...played }: Played = {}) {
    const files = new Map<string, Uint8Array>([
      [targetFilePath(target), after],
      [targetFilePath(described), played.index ?? index],
    ]);
    let sentBytes = 0;
    const fetcher: Fetcher = {
      fetch: async (file, { fromByte, toByte }) => {
        const bytes = files.get(file)!;
        const isRange = fromByte !== undefined && ranges !== 'ignored';
        const end = isRange && toByte !== undefined && ranges !== 'open-ended' ? toByte + 1 : bytes.length;
        const sent = bytes.subarray(isRange ? fromByte : 0, end);
        async function* chunks() {
          for (let at = 0; at < sent.length; at += 7_000) {
            if (ranges === 'broken' && toByte !== undefined && at > 0) throw new Error('reset');
            sentBytes += Math.min(7_000, sent.length - at);
            yield sent.subarray(at, at + 7_000);
          }
        }
        return { kind: 'stream', chunks: chunks(), ...(isRange && { fromByte }) };
      },
    };
    const { local = before } = played;
    const images = local instanceof Uint8Array ? [imageOf(local)] : local;
    const written: Uint8Array[] = [];
    const outcome = await downloadTarget({
      target: { ...target, custom: played.custom ?? target.custom },
      sink: { write: async (chunk) => void written.push(Buffer.from(chunk)) },
      fetcher,
      signal: undefined,
      kept: undefined,
      local: images,
      memoryBytes: 0,
    });
    return { outcome, written: Buffer.concat(written), sentBytes };
  }

  const imageOf = (bytes: Uint8Array): LocalImage => ({
    lengthBytes: bytes.length,
    read: (startByte, lengthBytes) => [bytes.subarray(startByte, startByte + lengthBytes)],
  });

  test('fetches what the device lacks and no more', async () => {
    const { outcome, written, sentBytes } = await play();
    expect(outcome).toEqual({ kind: 'downloaded', bytes: after.length });
    expect(written.equals(after)).toBe(true);
    expect(sentBytes).toBeLessThan(after.length / 4);
  });

  test.each<[string, Played]>([
    ['a repository that ignores ranges', { ranges: 'ignored' }],
    ['a repository that does not end ranges', { ranges: 'open-ended' }],
    ['an index of other bytes than were signed for', { index: Buffer.from(index).fill(0) }],
    ['an index that is too long', { index: Buffer.concat([index, index]) }],
    ['an index that no list describes rightly', { custom: { chunks: { sha256: '../x', length: 1 } } }],
    ['no index', { custom: {} }],
    ['nothing that could be used', { local: noise('unrelated', 50_000) }],
    ['no image at all', { local: [] }],
    ['an image that cannot be read', { local: [failing(0)] }],
    ['an image that fails when it is copied', { local: [failing(1)] }],
    ['an image that became shorter', { local: [shrinking()] }],
  ])('comes to the same image with %s', async (_, played) => {
    const { outcome, written } = await play(played);
    expect(outcome).toEqual({ kind: 'downloaded', bytes: after.length });
    expect(written.equals(after)).toBe(true);
  });

  test('is refused when what was put together is not what was signed', async () => {
    let reads = 0;
    const lying: LocalImage = {
      lengthBytes: before.length,
      read: (startByte, lengthBytes) => {
        const bytes = Buffer.from(before.subarray(startByte, startByte + lengthBytes));
        if (reads++ > 0) bytes[0]! ^= 1;
        return [bytes];
      },
    };
    expect((await play({ local: [lying] })).outcome).toMatchObject({
      kind: 'refused',
      reason: 'hash-mismatch',
    });
  });

  test('is told as unreachable when a range breaks off', async () => {
    expect((await play({ ranges: 'broken' })).outcome).toMatchObject({ kind: 'unreachable' });
  });

  function failing(afterReads: number): LocalImage {
    let reads = 0;
    return {
      lengthBytes: before.length,
      read: (startByte, lengthBytes) => {
        if (reads++ >= afterReads) throw new Error('bad block');
        return [before.subarray(startByte, startByte + lengthBytes)];
      },
    };
  }

  function shrinking(): LocalImage {
    let reads = 0;
    return {
      lengthBytes: before.length,
      read: (startByte, lengthBytes) => {
        const end = reads++ === 0 ? startByte + lengthBytes : Math.min(startByte + lengthBytes, 90_000);
        return [before.subarray(startByte, Math.max(startByte, end))];
      },
    };
  }
});
