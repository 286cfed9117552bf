/** Lets work on the same key happen one after the other, in the order it came. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  async take<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
    const turn = this.#after(this.#last.get(key), work);
    this.#last.set(key, turn);
    try {
      return await turn;
    } finally {
      if (this.#last.get(key) === turn) this.#last.delete(key);
    }
  }

  async #after<Result>(previous: Promise<unknown> | undefined, work: () => Promise<Result>): Promise<Result> {
    // A failure before is told to whoever waited for it; here only its end matters.
    await previous?.catch(() => undefined);
    return work();
  }
}

/** Does the work in its turn for every one of the keys, which are in an order that all callers share. */
export function takeAll<Result>(
  turns: Turns,
  keys: readonly string[],
  work: () => Promise<Result>,
): Promise<Result> {
  return keys.reduceRight((inner, key) => () => turns.take(key, inner), work)();
}
