import type { Json } from './canonical-json.ts';
import { InvalidInputError } from './errors.ts';

export interface StrictJsonLimits {
  readonly bytesMax: number;
  readonly depthMax: number;
  /** Values in all, containers included: a document of tiny ones takes many times its size in memory. Default 200,000. */
  readonly valuesMax?: number;
  /** Told of each value when it has been read, with where it stands: inner ones before the value around them. */
  readonly onValue?: (path: string, place: JsonPlace) => void;
}

/** Where a value stands in a text, in UTF-16 code units from its start; `end` is behind its last. */
export interface JsonPlace {
  readonly start: number;
  readonly end: number;
}

const valuesMaxDefault = 200_000;

/**
 * Parses untrusted JSON: bounded in size and depth before anything is built and in its number of values while it is,
 * duplicate keys, a `__proto__` key and numbers beyond a double's range refused, UTF-8 strict. Errors carry the JSON path in `details.path` (`$.a[0]["b c"]`), once
 * reading has begun the place in `details.at`, and for what is nested too deep `details.limit` `depth`.
 */
export function parseStrictJson(input: Uint8Array | string, limits: StrictJsonLimits): Json {
  const text = decode(input, limits.bytesMax);
  const parser = new Parser(text, { valuesMax: valuesMaxDefault, ...limits });
  return parser.document();
}

function decode(input: Uint8Array | string, bytesMax: number): string {
  const length = typeof input === 'string' ? Buffer.byteLength(input) : input.length;
  if (length > bytesMax)
    throw failure(`the document has ${length} bytes; at most ${bytesMax} are accepted`, '$');
  if (typeof input === 'string') return input;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(input);
  } catch (cause) {
    throw new InvalidInputError('core.invalid_json', 'the document is not valid UTF-8', {
      cause,
      details: { path: '$' },
    });
  }
}

/** Walks the text once for structure (RFC 8259); scalars are left to `JSON.parse`, which is strict about them. */
class Parser {
  readonly #text: string;
  readonly #depthMax: number;
  readonly #valuesMax: number;
  readonly #onValue: StrictJsonLimits['onValue'];
  #values = 0;
  #at = 0;

  constructor(text: string, limits: StrictJsonLimits & { readonly valuesMax: number }) {
    this.#text = text;
    this.#depthMax = limits.depthMax;
    this.#valuesMax = limits.valuesMax;
    this.#onValue = limits.onValue;
  }

  document(): Json {
    const value = this.#value('$', 0);
    this.#space();
    if (this.#at !== this.#text.length) throw this.#unexpected('$', 'the end of the document');
    return value;
  }

  #value(path: string, depth: number): Json {
    if (++this.#values > this.#valuesMax)
      throw failure(`more than ${this.#valuesMax} values`, path, this.#at);
    this.#space();
    const start = this.#at;
    const value = this.#anyValue(path, depth);
    this.#onValue?.(path, { start, end: this.#at });
    return value;
  }

  #anyValue(path: string, depth: number): Json {
    const head = this.#text[this.#at];
    if (head === '{' || head === '[') {
      if (depth >= this.#depthMax)
        throw new InvalidInputError(
          'core.invalid_json',
          `nested deeper than ${this.#depthMax} levels (at \`${path}\`)`,
          { details: { path, at: this.#at, limit: 'depth' } },
        );
      return head === '{' ? this.#object(path, depth) : this.#array(path, depth);
    }
    return head === '"' ? this.#string(path) : this.#literal(path);
  }

  #object(path: string, depth: number): Json {
    const members: [string, Json][] = [];
    const seen = new Set<string>();
    this.#at++;
    if (this.#take('}')) return {};
    do {
      this.#space();
      if (this.#text[this.#at] !== '"') throw this.#unexpected(path, 'a key in double quotes');
      const start = this.#at;
      const key = this.#string(path);
      if (seen.has(key) || key === '__proto__')
        throw failure(`the key ${JSON.stringify(key)} is given twice or not allowed`, path, start);
      seen.add(key);
      if (!this.#take(':')) throw this.#unexpected(path, '`:`');
      members.push([key, this.#value(jsonMemberPath(path, key), depth + 1)]);
    } while (this.#take(','));
    if (!this.#take('}')) throw this.#unexpected(path, '`,` or `}`');
    return Object.fromEntries(members);
  }

  #array(path: string, depth: number): Json {
    const items: Json[] = [];
    this.#at++;
    if (this.#take(']')) return items;
    do {
      items.push(this.#value(`${path}[${items.length}]`, depth + 1));
    } while (this.#take(','));
    if (!this.#take(']')) throw this.#unexpected(path, '`,` or `]`');
    return items;
  }

  /** From quote to quote; searched, not matched: a pattern would need stack for each character of a long string. */
  #string(path: string): string {
    let end = this.#text.indexOf('"', this.#at + 1);
    while (end >= 0 && this.#isEscaped(end)) end = this.#text.indexOf('"', end + 1);
    if (end < 0) throw failure('a string is not closed', path, this.#at);
    const start = this.#at;
    this.#at = end + 1;
    // What stands in quotes is a string or no JSON.
    return parseScalar(this.#text.slice(start, this.#at), path, start) as string;
  }

  #isEscaped(at: number): boolean {
    let backslashes = 0;
    while (this.#text[at - 1 - backslashes] === '\\') backslashes++;
    return backslashes % 2 === 1;
  }

  #literal(path: string): Json {
    const pattern = /-?\d[\d.eE+-]*|true|false|null/y;
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text)?.[0];
    if (match === undefined) throw this.#unexpected(path, 'a JSON value');
    const start = this.#at;
    this.#at += match.length;
    const value = parseScalar(match, path, start);
    // It would be written as `null` again.
    if (typeof value === 'number' && !Number.isFinite(value))
      throw failure('a number beyond what can be held', path, start);
    return value;
  }

  #take(char: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #space(): void {
    while (' \t\n\r'.includes(this.#text[this.#at] ?? 'x')) this.#at++;
  }

  #unexpected(path: string, expected: string): InvalidInputError {
    const found = this.#at >= this.#text.length ? 'the end' : JSON.stringify(this.#text[this.#at]);
    return failure(`expected ${expected}, found ${found} at character ${this.#at}`, path, this.#at);
  }
}

function parseScalar(text: string, path: string, at: number): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw new InvalidInputError('core.invalid_json', `not a JSON value (at \`${path}\`)`, {
      cause,
      details: { path, at },
    });
  }
}

/** A member's JSON path: `.Name` for plain names, `["iot:ClientId"]` for all others. */
export function jsonMemberPath(path: string, key: string): string {
  return /^[A-Za-z_]\w*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key.slice(0, 128))}]`;
}

function failure(message: string, path: string, at?: number): InvalidInputError {
  const details = at === undefined ? { path } : { path, at };
  return new InvalidInputError('core.invalid_json', `${message} (at \`${path}\`)`, { details });
}
