import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { zstdCompressSync } from 'node:zlib';
import { parseSha256 } from '@fleetward/core';
import { needs, runProgram, temporaryFolder } from '@fleetward/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { downloadTarget, type KeptPart } from '../src/client/download.ts';
import {
  applyPatch,
  type Fetcher,
  type LocalImage,
  makePatch,
  parsePatches,
  patchedBytesMax,
  patchPath,
  pathOfRelease,
  targetFilePath,
} from '../src/index.ts';
import { customOfPatches, patchesMax } from '../src/patches/patch-list.ts';

const sha256Of = (bytes: Uint8Array) => parseSha256(createHash('sha256').update(bytes).digest('hex'));
/** Bytes without a pattern, the same for each seed. */
const noise = (seed: string, outputLength: number) =>
  createHash('shake256', { outputLength }).update(seed).digest();

async function apply(patch: Uint8Array, base: Uint8Array, lengthBytes: number): Promise<Buffer> {
  const made: Buffer[] = [];
  for await (const piece of applyPatch(patch, { base, lengthBytes })) made.push(Buffer.from(piece));
  return Buffer.concat(made);
}

const old = noise('old', 400_000);
const change = noise('change', 900);
const next = Buffer.concat([old.subarray(0, 150_000), change, old.subarray(151_000)]);

describe('a patch', () => {
  test('leads from any image to any other', async () => {
    const edits = fc.array(fc.tuple(fc.nat({ max: 60_000 }), fc.uint8Array({ maxLength: 3_000 })), {
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 60_000 }), edits, async (lengthBytes, changes) => {
        const base = noise('base', lengthBytes);
        let result = base;
        for (const [at, added] of changes)
          result = Buffer.concat([result.subarray(0, at), added, result.subarray(at + 100)]);
        const patch = await makePatch(base, result);
        expect((await apply(patch, base, result.length)).equals(result)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test('is about as long as the change', async () => {
    expect((await makePatch(old, next)).length).toBeLessThan(change.length + 200);
  });

  test('makes no byte more than it may, however much is packed in it', async () => {
    const bomb = zstdCompressSync(Buffer.alloc(64_000_000));
    expect(bomb.length).toBeLessThan(10_000);
    let madeBytes = 0;
    const bounded = async () => {
      for await (const piece of applyPatch(bomb, { base: old, lengthBytes: 200_000 }))
        madeBytes += piece.length;
    };
    await expect(bounded()).rejects.toMatchObject({ code: 'updates.patch_invalid' });
    expect(madeBytes).toBeLessThanOrEqual(200_000);
  });

  test('that wants a window of more than 128 MiB is refused before memory is taken', async () => {
    // Magic, a frame header without content size, window descriptor 2^28, an empty last block: RFC 8878 §3.1.1.
    const wide = Buffer.from('28b52ffd' + '00' + '90' + '010000', 'hex');
    await expect(apply(wide, old, 10)).rejects.toMatchObject({ code: 'updates.patch_invalid' });
  });

  test('is not made of images that no device could patch', async () => {
    const large = new Uint8Array(patchedBytesMax + 1);
    await expect(makePatch(large, old)).rejects.toMatchObject({ code: 'updates.too_large' });
    await expect(makePatch(old, large)).rejects.toMatchObject({ code: 'updates.too_large' });
  });

  needs('zstd', 'zstd').describe('beside zstd', () => {
    test('is made and read by `zstd --patch-from` as well', async () => {
      using folder = temporaryFolder('fleetward-patch-');
      const [base, result, patch, made] = ['base', 'result', 'patch', 'made'].map((name) =>
        folder.join(name),
      );
      writeFileSync(base!, old);
      writeFileSync(result!, next);
      const zstd = async (...args: readonly string[]) =>
        expect(await runProgram('zstd', ['-q', '-f', `--patch-from=${base}`, ...args])).toMatchObject({
          code: 0,
        });
      await zstd('--long=27', result!, '-o', patch!);
      expect((await apply(readFileSync(patch!), old, next.length)).equals(next)).toBe(true);
      writeFileSync(patch!, await makePatch(old, next));
      await zstd('-d', patch!, '-o', made!);
      expect(readFileSync(made!).equals(next)).toBe(true);
    });
  });
});

describe('what a release says of its patches', () => {
  const link = { base: { sha256: sha256Of(old), length: old.length }, sha256: sha256Of(next), length: 7 };

  test('is read as it was written, up to as many as there may be', () => {
    const links = Array.from({ length: patchesMax }, (_, length) => ({ ...link, length }));
    expect(parsePatches(customOfPatches(links))).toEqual(links);
    expect(() => customOfPatches([...links, link])).toThrow(
      expect.objectContaining({ code: 'updates.target_invalid' }),
    );
    expect(parsePatches({ patches: [...links, link].map((each) => ({ ...each })) })).toEqual([]);
  });

  test.each([
    ['no list', link],
    ['no base', [{ sha256: link.sha256, length: 7 }]],
    ['a base without a length', [{ ...link, base: { sha256: link.sha256 } }]],
    ['a path for a hash', [{ ...link, sha256: '../../x' }]],
    ['a length that is none', [{ ...link, length: 1.5 }]],
    ['more than a patch may have', [{ ...link, length: patchedBytesMax + 1 }]],
    ['nothing', [null]],
  ])('is left out when it is %s', (_, patches) => {
    expect(parsePatches({ patches })).toEqual([]);
  });

  test('leads from the path of a patch to that of its release', () => {
    expect(pathOfRelease(patchPath('lamp/2.img', link.base))).toBe('lamp/2.img');
    expect(pathOfRelease('lamp/2.img.chunks')).toBe('lamp/2.img');
    expect(pathOfRelease('lamp/2.img')).toBeUndefined();
    expect(pathOfRelease('lamp/2.img.patch')).toBeUndefined();
  });
});

describe('a download with a patch', async () => {
  const patch = await makePatch(old, next);
  const path = 'lamp/2.img';
  const base = { sha256: sha256Of(old), length: old.length };
  const link = { base, sha256: sha256Of(patch), length: patch.length };
  const target = { path, length: next.length, sha256: sha256Of(next), custom: customOfPatches([link]) };

  interface Played {
    /** What is signed for. */
    readonly signed?: Uint8Array;
    /** What the repository sends. */
    readonly sent?: Uint8Array;
    readonly isAbsent?: boolean;
    readonly local?: readonly LocalImage[];
    readonly memoryBytes?: number;
    readonly kept?: Uint8Array;
  }

  async function play({ signed = patch, sent = signed, isAbsent = false, ...played }: Played = {}) {
    const described = { base, sha256: sha256Of(signed), length: signed.length };
    const files = new Map<string, Uint8Array>([[targetFilePath(target), next]]);
    if (!isAbsent) files.set(targetFilePath({ path: patchPath(path, base), sha256: described.sha256 }), sent);
    let sentBytes = 0;
    const fetcher: Fetcher = {
      fetch: async (file, { fromByte = 0, toByte }) => {
        const bytes = files.get(file)?.subarray(fromByte, toByte === undefined ? undefined : toByte + 1);
        if (bytes === undefined) return { kind: 'absent' };
        sentBytes += bytes.length;
        return { kind: 'stream', chunks: pieces(bytes), fromByte };
      },
    };
    const written: Uint8Array[] = [];
    const outcome = await downloadTarget({
      target: { ...target, custom: customOfPatches([described]) },
      sink: { write: async (piece) => void written.push(Buffer.from(piece)) },
      fetcher,
      signal: undefined,
      kept: played.kept && keptOf(played.kept, written),
      local: played.local ?? [imageOf(old)],
      memoryBytes: played.memoryBytes ?? 64_000_000,
    });
    return { outcome, written: Buffer.concat(written), sentBytes };
  }

  async function* pieces(bytes: Uint8Array) {
    for (let at = 0; at < bytes.length; at += 30_000) yield bytes.subarray(at, at + 30_000);
  }

  const imageOf = (bytes: Uint8Array): LocalImage => ({
    lengthBytes: bytes.length,
    read: (startByte, lengthBytes) => [bytes.subarray(startByte, startByte + lengthBytes)],
  });
  const keptOf = (bytes: Uint8Array, written: Uint8Array[]): KeptPart => {
    written.push(bytes);
    return { lengthBytes: bytes.length, read: () => [bytes], discard: () => void written.splice(0) };
  };
  const other = Buffer.concat([next, next]);
  const failing: LocalImage = {
    lengthBytes: old.length,
    read: () => {
      throw new Error('bad block');
    },
  };

  test('fetches the patch alone', async () => {
    const { outcome, written, sentBytes } = await play({ local: [imageOf(noise('b', 9)), imageOf(old)] });
    expect(outcome).toEqual({ kind: 'downloaded', bytes: next.length });
    expect(written.equals(next)).toBe(true);
    expect(sentBytes).toBe(patch.length);
  });

  test('goes on from what is there', async () => {
    const { outcome, written, sentBytes } = await play({ kept: next.subarray(0, 200_000) });
    expect(outcome).toEqual({ kind: 'downloaded', bytes: next.length });
    expect(written.equals(next)).toBe(true);
    expect(sentBytes).toBe(patch.length);
  });

  test.each<[string, Played]>([
    ['a patch that is not there', { isAbsent: true }],
    ['a patch of other bytes than were signed for', { sent: Buffer.from(patch).fill(0) }],
    ['a patch that is too long', { sent: Buffer.concat([patch, patch]) }],
    ['a patch that is cut off', { sent: patch.subarray(0, -1) }],
    ['bytes that are no patch, and signed', { signed: noise('no patch', 1_000) }],
    ['a patch that is cut off, and signed', { signed: patch.subarray(0, patch.length / 2) }],
    ['a patch to a longer image, and signed', { signed: await makePatch(old, other) }],
    ['a patch to a shorter image, and signed', { signed: await makePatch(old, next.subarray(0, 300_000)) }],
    ['another image', { local: [imageOf(noise('another', old.length))] }],
    ['an image that cannot be read', { local: [failing] }],
    ['an image that gives fewer bytes', { local: [{ ...imageOf(old), read: () => [old.subarray(1)] }] }],
    ['an image that gives more bytes', { local: [{ ...imageOf(old), read: () => [old, old] }] }],
    ['no image at all', { local: [] }],
    ['too little memory', { memoryBytes: 10_000_000 }],
    ['a patch that is not worth it', { kept: next.subarray(0, -100) }],
  ])('comes to the same image with %s', async (_, played) => {
    const { outcome, written } = await play(played);
    expect(outcome).toEqual({ kind: 'downloaded', bytes: next.length });
    expect(written.equals(next)).toBe(true);
  });

  test('is refused when the patch makes another image of the same length', async () => {
    const forged = Buffer.from(next);
    forged[10]! ^= 1;
    const { outcome } = await play({ signed: await makePatch(old, forged) });
    expect(outcome).toMatchObject({ kind: 'refused', reason: 'hash-mismatch' });
  });
});
