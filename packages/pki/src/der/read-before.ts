const bytesMax = 256;

/**
 * What was read from bytes, kept by those bytes: a CA writes the same name, dates and extensions into all that it issues, and to read
 * them again costs more than to know them. For what depends on nothing else and is never changed. Bounded.
 */
export class ReadBefore<Value extends NonNullable<unknown>> {
  readonly #known = new Map<string, Value>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  /** `read` gets bytes that nobody else has, so that what is kept of them stays. */
  get(bytes: Uint8Array, read: (own: Uint8Array) => Value): Value {
    if (bytes.length > bytesMax) return read(bytes);
    const key = textOf(bytes);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const value = read(new Uint8Array(bytes));
    if (this.#known.size >= this.#max) this.#known.clear();
    this.#known.set(key, value);
    return value;
  }
}

/** A character an octet. */
function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
