import { Dictionary, type Extent } from './dictionary.ts';

/** A text for each slot, as the code of its value. */
export class TextColumn {
  readonly dictionary: Dictionary;
  readonly #extent: Extent;
  #codes = new Uint32Array(0);

  constructor(extent: Extent) {
    this.#extent = extent;
    this.dictionary = new Dictionary(extent);
  }

  set(slot: number, value: string | undefined): void {
    if (value === undefined && slot >= this.#codes.length) return;
    this.#reach();
    const before = this.#codes[slot]!;
    if (this.dictionary.valueOf(before) === value) return;
    this.#codes[slot] = value === undefined ? 0 : this.dictionary.take(value);
    this.dictionary.release(before);
  }

  /** The codes of these slots, in their order. */
  read(slots: Uint32Array, codes: Uint32Array): void {
    // A column that has no value takes no room.
    if (this.dictionary.isEmpty) return void codes.fill(0, 0, slots.length);
    this.#reach();
    const column = this.#codes;
    for (let at = 0; at < slots.length; at++) codes[at] = column[slots[at]!]!;
  }

  #reach(): void {
    if (this.#codes.length >= this.#extent.slots) return;
    const larger = new Uint32Array(roomFor(this.#extent));
    larger.set(this.#codes);
    this.#codes = larger;
  }
}

/** A number for each slot; NaN where there is none. */
export class NumberColumn {
  readonly #extent: Extent;
  #numbers = new Float64Array(0);

  constructor(extent: Extent) {
    this.#extent = extent;
  }

  set(slot: number, value: number | undefined): void {
    this.#reach();
    this.#numbers[slot] = value ?? Number.NaN;
  }

  read(slots: Uint32Array, numbers: Float64Array): void {
    this.#reach();
    const column = this.#numbers;
    for (let at = 0; at < slots.length; at++) numbers[at] = column[slots[at]!]!;
  }

  #reach(): void {
    if (this.#numbers.length >= this.#extent.slots) return;
    const larger = new Float64Array(roomFor(this.#extent)).fill(Number.NaN);
    larger.set(this.#numbers);
    this.#numbers = larger;
  }
}

/** Half as much again, so that a growing fleet does not copy its columns with each thing. */
function roomFor({ slots }: Extent): number {
  return Math.max(1_024, Math.ceil(1.5 * slots));
}
