import {
  type CommitOutcome,
  createMemoryStore,
  MemoryContents,
  type MessageStore,
  type StoreChange,
} from '../src/index.ts';

/** A store whose disk the test moves: what was not let through is lost in a crash, which is a new store on the same contents. */
export class HeldStore implements MessageStore {
  readonly contents: MemoryContents;
  readonly #store: MessageStore;
  readonly #waiting: {
    readonly changes: readonly StoreChange[];
    readonly settle: (error?: Error) => void;
  }[] = [];
  /** Let everything through at once. */
  isOpen = true;
  /** The disk has no room. */
  isFull = false;
  #failure: Error | undefined;

  constructor(contents = new MemoryContents()) {
    this.contents = contents;
    this.#store = createMemoryStore(contents);
  }

  /** Batches that wait: never more than one. */
  get waiting(): number {
    return this.#waiting.length;
  }

  load(): ReturnType<MessageStore['load']> {
    return this.#store.load();
  }

  async commit(changes: readonly StoreChange[]): Promise<CommitOutcome> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.isFull) return 'full';
    if (this.isOpen) return this.#store.commit(changes);
    return new Promise((resolve, reject) => {
      const settle = (error?: Error): void => (error === undefined ? resolve('durable') : reject(error));
      this.#waiting.push({ changes, settle });
    });
  }

  /** Makes durable what waits. */
  async letThrough(): Promise<void> {
    for (const { changes, settle } of this.#waiting.splice(0)) {
      await this.#store.commit(changes);
      settle();
    }
  }

  /** From now on nothing becomes durable. */
  fail(error: Error): void {
    this.#failure = error;
    for (const { settle } of this.#waiting.splice(0)) settle(error);
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
