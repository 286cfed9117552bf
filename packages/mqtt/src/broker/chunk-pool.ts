/** Bytes of the pooled chunks: what a turn sends to one connection mostly fits the first, pipelined work and large payloads the others. */
export const CHUNK_SIZES: readonly number[] = [16 * 1024, 64 * 1024, 256 * 1024, 1024 * 1024];

/** Buffers for outgoing bytes, used again after they are written. Keeps at most `pooledBytesMax`. */
export class ChunkPool {
  readonly #pooledBytesMax: number;
  readonly #free: readonly Buffer[][] = CHUNK_SIZES.map(() => []);
  #pooledBytes = 0;

  constructor(options: { readonly pooledBytesMax: number }) {
    this.#pooledBytesMax = options.pooledBytesMax;
  }

  /** At least `bytesMin`; above the pooled sizes twice that, so that what grows is copied few times. */
  take(bytesMin: number): Buffer {
    for (let size = 0; size < CHUNK_SIZES.length; size++) {
      if (CHUNK_SIZES[size]! >= bytesMin) return this.#takePooled(size);
    }
    return Buffer.allocUnsafeSlow(bytesMin * 2);
  }

  give(chunk: Buffer): void {
    const size = CHUNK_SIZES.indexOf(chunk.length);
    if (size === -1 || this.#pooledBytes + chunk.length > this.#pooledBytesMax) return;
    this.#pooledBytes += chunk.length;
    this.#free[size]!.push(chunk);
  }

  #takePooled(size: number): Buffer {
    const chunk = this.#free[size]!.pop();
    if (chunk === undefined) return Buffer.allocUnsafeSlow(CHUNK_SIZES[size]!);
    this.#pooledBytes -= chunk.length;
    return chunk;
  }
}
