/** What all columns of an index go by. */
export interface Extent {
  /** Searches that are under way: while there is one, no code comes to mean another value. */
  readers: number;
  /** Slots that were ever given out. */
  slots: number;
}

/** The values of a field, each with a small number and how many things have it. Code 0: the thing has none. */
export class Dictionary {
  readonly #codes = new Map<string, number>();
  readonly #values: (string | undefined)[] = [undefined];
  readonly #counts: number[] = [0];
  readonly #free: number[] = [];
  readonly #extent: Extent;

  constructor(extent: Extent) {
    this.#extent = extent;
  }

  /** Codes are below this. */
  get size(): number {
    return this.#values.length;
  }

  /** Whether nothing has any value. */
  get isEmpty(): boolean {
    return this.#codes.size === 0;
  }

  valueOf(code: number): string | undefined {
    return this.#values[code];
  }

  /** 0 for a value that nothing has. */
  codeOf(value: string): number {
    return this.#codes.get(value) ?? 0;
  }

  /** One more thing has the value. */
  take(value: string): number {
    const code = this.#codes.get(value) ?? this.#add(value);
    this.#counts[code]!++;
    return code;
  }

  /** One thing less; a value that nothing has any more is forgotten. */
  release(code: number): void {
    if (code === 0) return;
    this.#counts[code]!--;
    if (this.#counts[code]! > 0) return;
    this.#codes.delete(this.#values[code]!);
    this.#values[code] = undefined;
    this.#free.push(code);
  }

  #add(value: string): number {
    const code = this.#extent.readers === 0 ? (this.#free.pop() ?? this.size) : this.size;
    this.#codes.set(value, code);
    this.#values[code] = value;
    this.#counts[code] = 0;
    return code;
  }
}
