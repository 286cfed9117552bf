import type { ChunkPool } from './chunk-pool.ts';

/**
 * What one connection is owed and its socket has not been given yet, gathered into one write. A single shared packet is kept
 * by reference; from the second on they are copied together.
 */
export class Outbox {
  readonly #pool: ChunkPool;
  readonly #mayReuse: boolean;
  #single: Buffer | undefined;
  #chunk: Buffer | undefined;
  #used = 0;
  #written: Buffer | undefined;
  /** What was passed on last and is not copied yet; it ends at `#used`. */
  #passed: Buffer | undefined;
  #passedStart = 0;
  #passedEnd = 0;

  /** `mayReuse`: the stream is done with its bytes once it has said so (true of sockets, not of any stream). */
  constructor(pool: ChunkPool, options: { readonly mayReuse: boolean }) {
    this.#pool = pool;
    this.#mayReuse = options.mayReuse;
  }

  /** Bytes waiting for the next write. */
  get stagedBytes(): number {
    return this.#used;
  }

  /** Appends a whole buffer that nobody changes any more. */
  share(packet: Buffer): void {
    if (this.#used === 0) {
      this.#single = packet;
      this.#used = packet.length;
    } else this.copy(packet, 0, packet.length);
  }

  /**
   * Appends a range that nobody changes any more. What comes in one after the other and goes out so is copied in one go: many messages
   * of one chunk for one subscriber cost one copy. Until `settle` the chunk they came in is held.
   */
  pass(bytes: Buffer, start: number, end: number): void {
    if (this.#passed !== bytes || this.#passedEnd !== start) {
      this.settle();
      this.#passed = bytes;
      this.#passedStart = start;
    }
    this.#passedEnd = end;
    this.#used += end - start;
  }

  /** Copies what was passed on. */
  settle(): void {
    const bytes = this.#passed;
    if (bytes === undefined) return;
    this.#passed = undefined;
    this.#used -= this.#passedEnd - this.#passedStart;
    this.copy(bytes, this.#passedStart, this.#passedEnd);
  }

  /** Appends a copy of a range and returns the chunk it is in; it ends at `stagedBytes`. */
  copy(bytes: Buffer, start: number, end: number): Buffer {
    const length = end - start;
    const chunk = this.#room(length);
    const at = this.#used - length;
    if (length > 48) bytes.copy(chunk, at, start, end);
    else for (let index = 0; index < length; index++) chunk[at + index] = bytes[start + index]!;
    return chunk;
  }

  /** Appends a PUBACK, PUBREC, PUBREL or PUBCOMP; no reason code means success (MQTT 5 section 3.4.2.1). */
  acknowledgement(first: number, packetId: number, reasonCode: number): void {
    const length = reasonCode === 0 ? 4 : 5;
    const chunk = this.#room(length);
    const at = this.#used - length;
    chunk[at] = first;
    chunk[at + 1] = length - 2;
    chunk[at + 2] = packetId >> 8;
    chunk[at + 3] = packetId & 0xff;
    if (reasonCode !== 0) chunk[at + 4] = reasonCode;
  }

  /** Takes all that is staged; give `release` a call when it is written. */
  take(): Buffer | undefined {
    if (this.#used === 0) return undefined;
    this.settle();
    const bytes = this.#single ?? this.#chunk?.subarray(0, this.#used);
    this.#written = this.#chunk;
    this.#single = undefined;
    this.#chunk = undefined;
    this.#used = 0;
    return bytes;
  }

  /** Lets go of all bytes; what the stream may still be writing is not used again. */
  clear(): void {
    this.#single = undefined;
    this.#chunk = undefined;
    this.#written = undefined;
    this.#passed = undefined;
    this.#used = 0;
  }

  release(): void {
    if (this.#written !== undefined && this.#mayReuse) this.#pool.give(this.#written);
    this.#written = undefined;
  }

  /** Counts `length` more bytes as used and returns the chunk that has room for them. */
  #room(length: number): Buffer {
    this.settle();
    const used = this.#used;
    let chunk = this.#chunk;
    if (chunk === undefined || chunk.length < used + length) {
      chunk = this.#grow(used + length);
    }
    this.#used = used + length;
    return chunk;
  }

  #grow(bytesMin: number): Buffer {
    const before = this.#single ?? this.#chunk;
    const larger = this.#pool.take(bytesMin);
    if (before !== undefined) before.copy(larger, 0, 0, this.#used);
    if (this.#chunk !== undefined) this.#pool.give(this.#chunk);
    this.#single = undefined;
    this.#chunk = larger;
    return larger;
  }
}
