import { MqttError, malformed } from '../errors.ts';
import { REASON } from '../reason-codes.ts';
import { varIntBytes } from './wire-writer.ts';

/** Takes whole packets, in bytes that are not written to any more; return false to stop reading after this one. */
export interface FrameSink {
  frame(bytes: Buffer, start: number, bodyStart: number, end: number): boolean;
}

const NOTHING = Buffer.alloc(0);
const FIRST_ROOM = 512;

/**
 * Cuts a stream of bytes into packets without copying those that arrive whole. A packet above `packetBytesMax` (fixed
 * header included) is refused as soon as its length is known, and room for a partial one grows only with what has arrived.
 */
export class FrameReader {
  readonly #packetBytesMax: number;
  #partial: Buffer = NOTHING;
  #have = 0;

  constructor(options: { readonly packetBytesMax: number }) {
    this.#packetBytesMax = options.packetBytesMax;
  }

  /** Bytes held of a packet that has not ended yet. */
  get pendingBytes(): number {
    return this.#have;
  }

  /** Lets go of a packet that has not ended yet. */
  clear(): void {
    this.#partial = NOTHING;
    this.#have = 0;
  }

  /** Feeds the sink and returns how many bytes were used: all of them, unless the sink said stop. */
  read(chunk: Buffer, sink: FrameSink): number {
    let at = 0;
    if (this.#have > 0) {
      at = this.#fill(chunk);
      if (this.#have > 0 && this.#total(this.#partial, 0, this.#have) !== this.#have) return at;
      if (!this.#emitPartial(sink)) return at;
    }
    while (at < chunk.length) {
      const total = this.#total(chunk, at, chunk.length);
      if (total === 0 || at + total > chunk.length) return at + this.#keep(chunk, at);
      const start = at;
      at += total;
      if (!sink.frame(chunk, start, start + 1 + lengthBytes(chunk, start), at)) return at;
    }
    return at;
  }

  /** Adds to the partial packet, never past its end; returns the bytes taken. */
  #fill(chunk: Buffer): number {
    let at = 0;
    let total = this.#total(this.#partial, 0, this.#have);
    while (total === 0 && at < chunk.length) {
      this.#append(chunk, at, at + 1, 5);
      at++;
      total = this.#total(this.#partial, 0, this.#have);
    }
    if (total === 0) return at;
    const end = Math.min(chunk.length, at + total - this.#have);
    this.#append(chunk, at, end, total);
    return end;
  }

  #emitPartial(sink: FrameSink): boolean {
    const bytes = this.#partial;
    const end = this.#have;
    this.#partial = NOTHING;
    this.#have = 0;
    return sink.frame(bytes, 0, 1 + lengthBytes(bytes, 0), end);
  }

  #keep(chunk: Buffer, at: number): number {
    const total = this.#total(chunk, at, chunk.length);
    this.#append(chunk, at, chunk.length, total === 0 ? 5 : total);
    return chunk.length - at;
  }

  #append(chunk: Buffer, start: number, end: number, total: number): void {
    const have = this.#have + end - start;
    if (have > this.#partial.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(have, Math.min(total, Math.max(FIRST_ROOM, have * 2))));
      larger.set(this.#partial.subarray(0, this.#have));
      this.#partial = larger;
    }
    chunk.copy(this.#partial, this.#have, start, end);
    this.#have = have;
  }

  /** Bytes of the whole packet that begins at `at`, or 0 while its length has not arrived. */
  #total(bytes: Buffer, at: number, end: number): number {
    let value = 0;
    for (let index = 1; index <= 4; index++) {
      if (at + index >= end) return 0;
      const byte = bytes[at + index]!;
      value |= (byte & 0x7f) << (7 * (index - 1));
      if (byte < 0x80) return this.#bounded(1 + index + value);
    }
    throw malformed('the remaining length has more than 4 bytes');
  }

  #bounded(total: number): number {
    if (total <= this.#packetBytesMax) return total;
    throw new MqttError(
      'mqtt.packet_too_large',
      `a packet of \`${total}\` bytes; at most ${this.#packetBytesMax} are accepted`,
      {
        reasonCode: REASON.packetTooLarge,
        details: { packetBytes: total, packetBytesMax: this.#packetBytesMax },
      },
    );
  }
}

/** MQTT 5 wants the shortest remaining length (MQTT5-1.5.5-1); 3.1.1 does not say. */
export function assertShortestLength(start: number, bodyStart: number, end: number): void {
  if (bodyStart - start - 1 > varIntBytes(end - bodyStart))
    throw malformed('the remaining length is longer than it must be');
}

function lengthBytes(bytes: Buffer, start: number): number {
  let count = 1;
  while (bytes[start + count]! >= 0x80) count++;
  return count;
}
