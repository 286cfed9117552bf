import { StoreError } from './store-error.ts';

export interface InboxOptions<Letter, Outcome> {
  readonly waitingMax: number;
  /** Letters of one transaction. */
  readonly batchMax: number;
  /** Makes them durable, all or none; answers what came of each, in their order. */
  readonly write: (letters: readonly Letter[]) => Promise<readonly Outcome[]>;
}

interface Waiting<Letter, Outcome> {
  readonly letter: Letter;
  readonly kept: PromiseWithResolvers<Outcome>;
}

/** Gathers what devices say while a transaction is under way into the next one: a thousand reports are a few transactions. */
export class Inbox<Letter, Outcome> {
  readonly #options: InboxOptions<Letter, Outcome>;
  readonly #waiting: Waiting<Letter, Outcome>[] = [];
  #isWriting = false;

  constructor(options: InboxOptions<Letter, Outcome>) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves when it is durable; throws `store.busy` when too much waits. */
  async put(letter: Letter): Promise<Outcome> {
    const { waitingMax } = this.#options;
    if (this.#waiting.length >= waitingMax)
      throw new StoreError('store.busy', `more than \`${waitingMax}\` outcomes wait: try again later`);
    const kept = Promise.withResolvers<Outcome>();
    this.#waiting.push({ letter, kept });
    void this.#empty();
    return kept.promise;
  }

  async #empty(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#options.batchMax);
      try {
        const outcomes = await this.#options.write(batch.map(({ letter }) => letter));
        for (const [at, { kept }] of batch.entries()) kept.resolve(outcomes[at]!);
      } catch (error) {
        for (const { kept } of batch) kept.reject(error);
      }
    }
    this.#isWriting = false;
  }
}
