import { malformed } from '../errors.ts';

const HEADER_ROOM = 5;

/** Appends wire types to a growing buffer; leaves room in front for the fixed header. */
export class WireWriter {
  #bytes = Buffer.allocUnsafe(128);
  #at = HEADER_ROOM;

  byte(value: number): void {
    const at = this.#room(1); // first: it may replace the buffer
    this.#bytes[at] = value;
  }

  uint16(value: number): void {
    const at = this.#room(2);
    this.#bytes.writeUInt16BE(value, at);
  }

  uint32(value: number): void {
    const at = this.#room(4);
    this.#bytes.writeUInt32BE(value, at);
  }

  /** A Variable Byte Integer in its shortest form (MQTT5-1.5.5-1). */
  varInt(value: number): void {
    const at = this.#room(varIntBytes(value));
    writeVarInt(this.#bytes, at, value);
  }

  binary(value: Uint8Array): void {
    if (value.length > 0xffff) throw malformed(`binary data of \`${value.length}\` bytes; at most 65535 fit`);
    this.uint16(value.length);
    this.raw(value);
  }

  text(value: string): void {
    const length = Buffer.byteLength(value);
    if (length > 0xffff) throw malformed(`a string of \`${length}\` bytes; at most 65535 fit`);
    if (value.includes('\0') || !value.isWellFormed())
      throw malformed('a string holds U+0000 or a lone surrogate'); // MQTT-1.5.3-1, -2
    this.uint16(length);
    const at = this.#room(length);
    this.#bytes.write(value, at, 'utf8');
  }

  raw(value: Uint8Array): void {
    const at = this.#room(value.length);
    this.#bytes.set(value, at);
  }

  /** What was written, without a header: a length-prefixed section of another writer. */
  section(): Buffer {
    return this.#bytes.subarray(HEADER_ROOM, this.#at);
  }

  /** The whole packet: `first` byte, remaining length, body. */
  packet(first: number): Buffer {
    const bodyBytes = this.#at - HEADER_ROOM;
    if (bodyBytes > REMAINING_LENGTH_MAX)
      throw malformed(`a packet of \`${bodyBytes}\` bytes cannot be sent`);
    const start = HEADER_ROOM - 1 - varIntBytes(bodyBytes);
    this.#bytes[start] = first;
    writeVarInt(this.#bytes, start + 1, bodyBytes);
    return this.#bytes.subarray(start, this.#at);
  }

  #room(length: number): number {
    const at = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
    }
    return at;
  }
}

/** The largest remaining length four bytes can say (section 2.2.3). */
const REMAINING_LENGTH_MAX = 268_435_455;

/** How many bytes the shortest form of a Variable Byte Integer takes. */
export function varIntBytes(value: number): number {
  if (value < 128) return 1;
  if (value < 16_384) return 2;
  return value < 2_097_152 ? 3 : 4;
}

/** Writes the shortest form and returns the offset after it. */
export function writeVarInt(bytes: Buffer, at: number, value: number): number {
  let left = value;
  let to = at;
  for (; left >= 128; left >>>= 7) bytes[to++] = (left & 0x7f) | 0x80;
  bytes[to++] = left;
  return to;
}
