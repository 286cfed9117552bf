import { InvalidInputError, type Json, toHex } from '@fleetward/core';

export interface CborLimits {
  readonly bytesMax: number;
  readonly depthMax: number;
  /** Values in all, containers included. Default 10,000. */
  readonly valuesMax?: number;
  /** Byte strings become text of hex digits; without it they are refused. */
  readonly bytesAs?: 'hex';
}

const valuesMaxDefault = 10_000;

/**
 * Parses the part of CBOR (RFC 8949) that says the same as JSON: text with keys of text, whole numbers up to 2^53 − 1, floating point,
 * true, false, null, and arrays and maps of definite length. Byte strings (unless `bytesAs` says otherwise), tags, indefinite lengths, duplicate keys and what follows
 * the value are refused. Bounded in size, depth and number of values before anything is built.
 */
export function parseCbor(input: Uint8Array, limits: CborLimits): Json {
  if (input.length > limits.bytesMax)
    throw failure(`the document has ${input.length} bytes; at most ${limits.bytesMax} are accepted`, '$');
  return new Parser(input, { valuesMax: valuesMaxDefault, ...limits }).document();
}

// RFC 8949 §3.1
const MAJOR = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, simple: 7 } as const;

interface Head {
  readonly major: number;
  /** Argument, or for `simple` the additional information. */
  readonly argument: number;
  readonly info: number;
}

class Parser {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #depthMax: number;
  readonly #valuesMax: number;
  readonly #isHex: boolean;
  readonly #text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #values = 0;
  #at = 0;

  constructor(bytes: Uint8Array, limits: CborLimits & { readonly valuesMax: number }) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#depthMax = limits.depthMax;
    this.#valuesMax = limits.valuesMax;
    this.#isHex = limits.bytesAs === 'hex';
  }

  document(): Json {
    const value = this.#value('$', 0);
    if (this.#at !== this.#bytes.length) throw failure('bytes follow the value', '$');
    return value;
  }

  #value(path: string, depth: number): Json {
    if (++this.#values > this.#valuesMax) throw failure(`more than ${this.#valuesMax} values`, path);
    const head = this.#head(path);
    switch (head.major) {
      case MAJOR.unsigned:
        return head.argument;
      case MAJOR.negative:
        return whole(-1 - head.argument, path);
      case MAJOR.bytes:
        if (!this.#isHex) throw failure('byte strings and tags are not accepted', path);
        return this.#hex(head.argument, path);
      case MAJOR.text:
        return this.#string(head.argument, path);
      case MAJOR.array:
        return this.#array(this.#length(head, path, depth), path, depth);
      case MAJOR.map:
        return this.#map(this.#length(head, path, depth), path, depth);
      case MAJOR.simple:
        return this.#simple(head, path);
      default:
        throw failure('byte strings and tags are not accepted', path);
    }
  }

  #head(path: string): Head {
    const first = this.#bytes[this.#take(1, path)]!;
    const major = first >> 5;
    const info = first & 0x1f;
    if (major === MAJOR.simple) return { major, info, argument: 0 };
    if (info < 24) return { major, info, argument: info };
    if (info === 24) return { major, info, argument: this.#view.getUint8(this.#take(1, path)) };
    if (info === 25) return { major, info, argument: this.#view.getUint16(this.#take(2, path)) };
    if (info === 26) return { major, info, argument: this.#view.getUint32(this.#take(4, path)) };
    if (info === 27) return { major, info, argument: this.#wide(path) };
    throw failure(info === 31 ? 'indefinite lengths are not accepted' : 'a reserved length', path);
  }

  #wide(path: string): number {
    return whole(Number(this.#view.getBigUint64(this.#take(8, path))), path);
  }

  #hex(length: number, path: string): string {
    const start = this.#take(length, path);
    return toHex(this.#bytes.subarray(start, start + length));
  }

  #string(length: number, path: string): string {
    const start = this.#take(length, path);
    try {
      return this.#text.decode(this.#bytes.subarray(start, start + length));
    } catch (cause) {
      throw failure('text that is not valid UTF-8', path, cause);
    }
  }

  /** Each entry takes a byte at least: a length beyond what is there is no reason to make room for it. */
  #length({ argument, major }: Head, path: string, depth: number): number {
    if (depth >= this.#depthMax) throw failure(`nested deeper than ${this.#depthMax} levels`, path);
    const least = major === MAJOR.map ? 2 * argument : argument;
    if (least > this.#bytes.length - this.#at) throw failure('the document ends too early', path);
    return argument;
  }

  #array(length: number, path: string, depth: number): Json {
    const items: Json[] = [];
    while (items.length < length) items.push(this.#value(`${path}[${items.length}]`, depth + 1));
    return items;
  }

  #map(length: number, path: string, depth: number): Json {
    const members = new Map<string, Json>();
    for (let read = 0; read < length; read++) {
      const head = this.#head(path);
      if (head.major !== MAJOR.text) throw failure('a key that is not text', path);
      const key = this.#string(head.argument, path);
      if (members.has(key) || key === '__proto__')
        throw failure(`the key ${JSON.stringify(key.slice(0, 128))} is given twice or not allowed`, path);
      members.set(key, this.#value(`${path}.${key.slice(0, 128)}`, depth + 1));
    }
    return Object.fromEntries(members);
  }

  // RFC 8949 §3.3
  #simple({ info }: Head, path: string): Json {
    if (info === 20 || info === 21) return info === 21;
    if (info === 22) return null;
    if (info === 25) return finite(half(this.#view.getUint16(this.#take(2, path))), path);
    if (info === 26) return finite(this.#view.getFloat32(this.#take(4, path)), path);
    if (info === 27) return finite(this.#view.getFloat64(this.#take(8, path)), path);
    throw failure('a simple value other than true, false and null', path);
  }

  /** Where the next so many bytes begin. */
  #take(length: number, path: string): number {
    const start = this.#at;
    if (length > this.#bytes.length - start) throw failure('the document ends too early', path);
    this.#at = start + length;
    return start;
  }
}

function whole(value: number, path: string): number {
  if (!Number.isSafeInteger(value)) throw failure('a whole number beyond 2^53 - 1', path);
  return value;
}

function finite(value: number, path: string): number {
  if (!Number.isFinite(value)) throw failure('a number that is not finite', path);
  return value;
}

// RFC 8949 appendix D
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (fraction + 1024) * 2 ** (exponent - 25);
}

function failure(message: string, path: string, cause?: unknown): InvalidInputError {
  const details = { path };
  return new InvalidInputError('core.invalid_json', `CBOR: ${message} (at \`${path}\`)`, { cause, details });
}
