import { isUtf8 } from 'node:buffer';
import { malformed } from '../errors.ts';

/** A cursor over one packet's body that never reads past its end (MQTT 5 section 1.5, 3.1.1 section 1.5). */
export class WireReader {
  readonly bytes: Buffer;
  readonly end: number;
  at: number;

  constructor(bytes: Buffer, at: number, end: number) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get left(): number {
    return this.end - this.at;
  }

  byte(): number {
    return this.bytes[this.#take(1)]!;
  }

  uint16(): number {
    const at = this.#take(2);
    return (this.bytes[at]! << 8) | this.bytes[at + 1]!;
  }

  uint32(): number {
    return this.bytes.readUInt32BE(this.#take(4));
  }

  /** A Variable Byte Integer of at most four bytes, in its shortest form only (MQTT5-1.5.5-1). */
  varInt(): number {
    let value = 0;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte >= 0x80) continue;
      if (byte === 0 && shift > 0) throw malformed('a variable byte integer is longer than it must be');
      return value;
    }
    throw malformed('a variable byte integer has more than 4 bytes');
  }

  /** Two bytes of length, then as many bytes. A copy: it outlives the chunk it came in. */
  binary(): Buffer {
    const length = this.uint16();
    const at = this.#take(length);
    return Buffer.from(this.bytes.subarray(at, at + length));
  }

  /** A UTF-8 Encoded String. */
  text(): string {
    const length = this.uint16();
    const at = this.#take(length);
    return decodeText(this.bytes, at, at + length);
  }

  /** All that is left, copied. */
  rest(): Buffer {
    const at = this.#take(this.left);
    return Buffer.from(this.bytes.subarray(at, this.end));
  }

  /** A reader of the next `length` bytes, which this one skips. */
  section(length: number): WireReader {
    const at = this.#take(length);
    return new WireReader(this.bytes, at, at + length);
  }

  assertEnd(): void {
    if (this.at !== this.end)
      throw malformed(`\`${this.left}\` bytes follow the end of the packet's content`);
  }

  #take(length: number): number {
    const at = this.at;
    if (length > this.end - at)
      throw malformed(`the packet ends early: \`${length}\` more bytes were expected`);
    this.at = at + length;
    return at;
  }
}

/** Well-formed UTF-8 without surrogates or U+0000; a BOM is kept as the character it is (MQTT-1.5.3-1 to -3). */
export function decodeText(bytes: Buffer, start: number, end: number): string {
  if (isShortAscii(bytes, start, end)) return bytes.toString('latin1', start, end);
  const view = bytes.subarray(start, end);
  if (!isUtf8(view)) throw malformed('a string is not well-formed UTF-8'); // MQTT-1.5.3-1, MQTT5-1.5.4-1
  if (view.includes(0)) throw malformed('a string holds U+0000'); // MQTT-1.5.3-2, MQTT5-1.5.4-2
  return view.toString('utf8');
}

/** Most are: these take no view of the bytes, and one call of the runtime in the place of three. */
function isShortAscii(bytes: Buffer, start: number, end: number): boolean {
  if (end - start > 64) return false;
  for (let at = start; at < end; at++) if (bytes[at]! === 0 || bytes[at]! >= 0x80) return false;
  return true;
}
