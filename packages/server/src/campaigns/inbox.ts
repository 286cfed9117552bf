import type { ThingName } from '@fleetward/core';
import { StoreError } from '../store-error.ts';
import type { Feedback } from './report.ts';

/** What a device said, and who is told when it is durable. */
export interface Letter {
  readonly thingName: ThingName;
  readonly campaignId: string;
  readonly actionId: number;
  readonly feedback: Feedback;
  readonly kept: PromiseWithResolvers<void>;
}

export interface InboxOptions {
  readonly waitingMax: number;
  /** Letters of one transaction. */
  readonly batchMax: number;
  /** Makes them durable, all or none. */
  readonly write: (letters: readonly Letter[]) => Promise<void>;
}

/** Gathers what devices say while a transaction is under way into the next one: a thousand reports are a few transactions. */
export class Inbox {
  readonly #options: InboxOptions;
  readonly #waiting: Letter[] = [];
  #isWriting = false;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves when it is durable; throws `store.busy` when too much waits. */
  async put(letter: Omit<Letter, 'kept'>): Promise<void> {
    const { waitingMax } = this.#options;
    if (this.#waiting.length >= waitingMax)
      throw new StoreError('store.busy', `more than \`${waitingMax}\` outcomes wait: try again later`);
    const kept = Promise.withResolvers<void>();
    this.#waiting.push({ ...letter, kept });
    void this.#empty();
    await kept.promise;
  }

  async #empty(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    while (this.#waiting.length > 0) {
      const letters = this.#waiting.splice(0, this.#options.batchMax);
      try {
        await this.#options.write(letters);
        for (const { kept } of letters) kept.resolve();
      } catch (error) {
        for (const { kept } of letters) kept.reject(error);
      }
    }
    this.#isWriting = false;
  }
}
