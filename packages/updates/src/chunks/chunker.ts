import { createHash } from 'node:crypto';

/**
 * FastCDC (Xia et al., USENIX ATC 2016) with normalised chunking: a cut is where the rolling gear hash of the last 32 bytes has zeros
 * under a mask, a longer mask before the wished size and a shorter one after it. These numbers are part of the format: whoever
 * cuts the same bytes must find the same chunks.
 */
export const chunkBytes = { min: 4_096, wished: 16_384, max: 65_536 } as const;

// 16 KiB are 14 bits; two more before and two fewer after (normalisation level 2). The high bits hang on the most bytes.
const maskBefore = 0xffff0000 | 0;
const maskAfter = 0xfff00000 | 0;

/** 256 numbers that nobody chose. */
const gear = Int32Array.from({ length: 256 }, (_, byte) =>
  createHash('sha256').update(`fleetward gear ${byte}`).digest().readInt32BE(0),
);

/** Cuts bytes as they come. What `push` and `end` answer are views that are valid until the next call. */
export interface Chunker {
  push(bytes: Uint8Array): Iterable<Uint8Array>;
  /** The last chunk, if there is one. */
  end(): Iterable<Uint8Array>;
}

export function createChunker(): Chunker {
  let rest: Uint8Array = new Uint8Array(0);
  function* cut(bytes: Uint8Array, bytesMin: number): Generator<Uint8Array> {
    let start = 0;
    while (bytes.length - start >= bytesMin) {
      const end = cutPoint(bytes, start);
      yield bytes.subarray(start, end);
      start = end;
    }
    rest = bytes.slice(start);
  }
  return {
    // A cut may hang on all of the largest chunk, so only then is one made.
    push: (bytes) => cut(rest.length === 0 ? bytes : Buffer.concat([rest, bytes]), chunkBytes.max),
    end: () => cut(rest, 1),
  };
}

/** Where the chunk that begins at `start` ends. */
function cutPoint(bytes: Uint8Array, start: number): number {
  const end = Math.min(bytes.length, start + chunkBytes.max);
  const wished = Math.min(end, start + chunkBytes.wished);
  let hash = 0;
  let at = Math.min(end, start + chunkBytes.min);
  for (; at < wished; at++) {
    hash = ((hash << 1) + gear[bytes[at]!]!) | 0;
    if ((hash & maskBefore) === 0) return at + 1;
  }
  for (; at < end; at++) {
    hash = ((hash << 1) + gear[bytes[at]!]!) | 0;
    if ((hash & maskAfter) === 0) return at + 1;
  }
  return end;
}
