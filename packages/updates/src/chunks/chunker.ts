import { createHash } from 'node:crypto';

/**
 * FastCDC (Xia et al., USENIX ATC 2016) with normalised chunking: a cut is where the rolling gear hash of the last 32 bytes has zeros
 * under a mask, a longer mask before the wished size and a shorter one after it. These numbers are part of the format: whoever
 * cuts the same bytes must find the same chunks.
 */
export const chunkBytes: ChunkBytes = { min: 4_096, wished: 16_384, max: 65_536 };

/** What chunks may be long; `wished` is a power of two from 2^10 to 2^24. Any other than the format's are for measuring it. */
export interface ChunkBytes {
  readonly min: number;
  readonly wished: number;
  readonly max: number;
}

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

export function createChunker(sizes: ChunkBytes = chunkBytes): Chunker {
  const cutPoint = cutPointFinder(sizes);
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
    push: (bytes) => cut(rest.length === 0 ? bytes : Buffer.concat([rest, bytes]), sizes.max),
    end: () => cut(rest, 1),
  };
}

/** Finds where the chunk that begins at `start` ends. */
function cutPointFinder({ min, wished, max }: ChunkBytes): (bytes: Uint8Array, start: number) => number {
  // 16 KiB are 14 bits; two more before and two fewer after (normalisation level 2). The high bits hang on the most bytes.
  const bits = Math.log2(wished);
  const maskBefore = -1 << (32 - bits - 2);
  const maskAfter = -1 << (32 - bits + 2);
  return (bytes, start) => {
    const end = Math.min(bytes.length, start + max);
    const turn = Math.min(end, start + wished);
    let hash = 0;
    let at = Math.min(end, start + min);
    for (; at < turn; at++) {
      hash = ((hash << 1) + gear[bytes[at]!]!) | 0;
      if ((hash & maskBefore) === 0) return at + 1;
    }
    for (; at < end; at++) {
      hash = ((hash << 1) + gear[bytes[at]!]!) | 0;
      if ((hash & maskAfter) === 0) return at + 1;
    }
    return end;
  };
}
