import { PkiError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { ReadBefore } from './read-before.ts';
import { tags } from './tags.ts';

const constructedBit = 0x20;
const classBits = 0xc0;

/** Opens foreign DER that must be exactly one element; its size is checked before a byte is looked at. */
export function openDer(bytes: Uint8Array, bytesMax: number): DerReader {
  if (bytes.length > bytesMax)
    throw new PkiError('pki.too_large', `${bytes.length} bytes given; at most ${bytesMax} are accepted`);
  return new DerReader(bytes, 0, bytes.length, 0);
}

/**
 * Walks DER (X.690 §10) in place: definite minimal lengths, one-octet tags, bounded depth. Each method consumes one
 * element and throws `pki.der` with the offset when the bytes are anything else; `what` names the field in the message.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #depth: number;
  /** Where `bytes` begin in what was opened, for messages. */
  readonly #offset: number;
  #at: number;

  constructor(bytes: Uint8Array, start: number, end: number, depth: number, offset = 0) {
    this.#bytes = bytes;
    this.#offset = offset;
    this.#at = start;
    this.#end = end;
    this.#depth = depth;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** Tag of the next element, or -1 at the end. */
  peekTag(): number {
    return this.done ? -1 : this.#byte(this.#at);
  }

  /** The content octets of the next element, which must carry `tag`; a view, not a copy. */
  content(tag: number, what: string): Uint8Array {
    const start = this.#contentStart(tag, what);
    const end = this.#contentEnd(what);
    this.#at = end;
    return this.#bytes.subarray(start, end);
  }

  /** A reader of the inside of the next element, one level deeper. */
  enter(tag: number, what: string): DerReader {
    if (this.#depth >= limits.depthMax)
      throw this.#failure(`${what} is nested deeper than ${limits.depthMax} levels`);
    const start = this.#contentStart(tag, what);
    const end = this.#contentEnd(what);
    this.#at = end;
    return new DerReader(this.#bytes, start, end, this.#depth + 1, this.#offset);
  }

  /** The whole next element, header included, without consuming or checking its inside. */
  peek(what: string): Uint8Array {
    return this.#bytes.subarray(this.#at, this.#contentEnd(what));
  }

  /** Consumes any one element, checked to its leaves, and returns it with its header. */
  any(what: string): Uint8Array {
    const whole = this.peek(what);
    const tag = this.peekTag();
    if ((tag & constructedBit) === 0) {
      if ((tag & classBits) === 0 && (tag === 0 || tag === 0x10 || tag === 0x11))
        throw this.#failure(`${what} has the impossible tag \`0x${tag.toString(16).padStart(2, '0')}\``);
      this.content(tag, what);
      return whole;
    }
    if ((tag & classBits) === 0 && tag !== tags.sequence && tag !== tags.set)
      throw this.#failure(`${what} is a constructed string or unknown type, which DER does not allow`);
    const inside = this.enter(tag, what);
    while (!inside.done) inside.any(what);
    return whole;
  }

  /** What `read` makes of the next element, all of it, or made of the same bytes before. */
  known<Value extends NonNullable<unknown>>(
    before: ReadBefore<Value>,
    what: string,
    read: (element: DerReader) => Value,
  ): Value {
    const start = this.#at;
    const whole = this.peek(what);
    const value = before.get(whole, (own) => {
      const element = new DerReader(own, 0, own.length, this.#depth, this.#offset + start);
      const made = read(element);
      element.end(what);
      return made;
    });
    this.#at = start + whole.length;
    return value;
  }

  /** Refuses anything left over after the last field of `what`. */
  end(what: string): void {
    if (!this.done) throw this.#failure(`${what} is followed by ${this.#end - this.#at} bytes too many`);
  }

  #contentStart(tag: number, what: string): number {
    const found = this.peekTag();
    if (found === tag) return this.#at + 1 + this.#lengthOctets(what);
    const shown = found === -1 ? 'the end' : `tag 0x${found.toString(16).padStart(2, '0')}`;
    throw this.#failure(`expected ${what} (tag 0x${tag.toString(16).padStart(2, '0')}), found ${shown}`);
  }

  #contentEnd(what: string): number {
    if (this.done) throw this.#failure(`expected ${what}, found the end`);
    if ((this.#byte(this.#at) & 0x1f) === 0x1f)
      throw this.#failure(`${what} has a tag of more than one octet`);
    const octets = this.#lengthOctets(what);
    const length = this.#length(octets, what);
    const end = this.#at + 1 + octets + length;
    if (end > this.#end) throw this.#failure(`${what} says it has ${length} bytes; fewer are left`);
    return end;
  }

  #lengthOctets(what: string): number {
    if (this.#at + 1 >= this.#end) throw this.#failure(`${what} ends within its header`);
    const first = this.#byte(this.#at + 1);
    if (first < 0x80) return 1;
    const octets = first & 0x7f;
    if (octets === 0) throw this.#failure(`${what} has an indefinite length, which DER does not allow`);
    if (octets > 4 || this.#at + 2 + octets > this.#end)
      throw this.#failure(`${what} has a length of ${octets} octets, more than fit`);
    return 1 + octets;
  }

  #length(octets: number, what: string): number {
    const first = this.#byte(this.#at + 1);
    if (octets === 1) return first;
    let length = 0;
    for (let i = 2; i <= octets; i++) length = length * 256 + this.#byte(this.#at + i);
    if (length < 0x80 || this.#byte(this.#at + 2) === 0)
      throw this.#failure(`${what} has a length that is not in its shortest form`);
    return length;
  }

  #byte(index: number): number {
    return this.#bytes[index] ?? 0;
  }

  #failure(message: string): PkiError {
    const offset = this.#offset + this.#at;
    return new PkiError('pki.der', `not DER: ${message} (at byte \`${offset}\`)`, { details: { offset } });
  }
}
