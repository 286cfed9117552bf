/** Bytes of a pooled chunk. */
export const CHUNK_BYTES = 16 * 1024;

/** Buffers for outgoing bytes, used again after they are written. Keeps at most `chunksMax`. */
export class ChunkPool {
  readonly #chunksMax: number;
  readonly #free: Buffer[] = [];

  constructor(options: { readonly chunksMax: number }) {
    this.#chunksMax = options.chunksMax;
  }

  take(bytesMin: number): Buffer {
    if (bytesMin > CHUNK_BYTES) return Buffer.allocUnsafeSlow(bytesMin);
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
  }

  give(chunk: Buffer): void {
    if (chunk.length === CHUNK_BYTES && this.#free.length < this.#chunksMax) this.#free.push(chunk);
  }
}
