/** A fuzz input as a row of decisions: the same bytes take the same way through the grammar. */
export class Decisions {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isOver(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** 0 once there are no more. */
  byte(): number {
    return this.#bytes[this.#at++] ?? 0;
  }

  /** Below 256 choices. */
  of<Choice>(choices: readonly Choice[]): Choice {
    return choices[this.byte() % choices.length]!;
  }

  /** About one time in `times`. */
  once(times: number): boolean {
    return this.byte() % times === 1;
  }
}
