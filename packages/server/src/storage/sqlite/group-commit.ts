import type { Transaction, Transactor } from '@fleetward/core';
import { StoreError } from '../../store-error.ts';
import { asTransaction, OpenTransaction } from '../open-transaction.ts';
import { withinLimit } from '../time-limit.ts';
import type { WorkerClient } from './worker-client.ts';

export interface GroupLimits {
  /** Transactions that may share one COMMIT. */
  readonly groupTransactionsMax: number;
  /** After this time a group takes no further transaction. */
  readonly groupMs: number;
  /** A transaction's `work` that takes longer is rolled back. */
  readonly transactionMs: number;
  /** Transactions that may wait. */
  readonly transactionsPendingMax: number;
}

interface Job {
  /** Runs inside its savepoint; resolves to what is to be told once the group's COMMIT is durable. */
  readonly run: () => Promise<() => void>;
  readonly reject: (error: unknown) => void;
}

/**
 * One transaction after the other in the writer, each in a savepoint, with one COMMIT, and so one fsync, for all that wait
 * together. Nobody is answered, with a result or an error, before that COMMIT is durable.
 */
export class GroupCommit implements Transactor {
  readonly #writer: WorkerClient;
  readonly #limits: GroupLimits;
  readonly #queue: Job[] = [];
  readonly #lost = Promise.withResolvers<StoreError>();
  #draining: Promise<void> | undefined;
  #closed = false;

  constructor(writer: WorkerClient, limits: GroupLimits) {
    this.#writer = writer;
    this.#limits = limits;
  }

  transact<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      this.#queue.push({ run: () => this.#attempt(work, { resolve, reject }), reject });
      this.#draining ??= this.#drain();
    });
  }

  /** Resolves when it is not known whether a COMMIT took effect: memory may no longer say what the records say. */
  get lost(): Promise<StoreError> {
    return this.#lost.promise;
  }

  /** Refuses new transactions and waits for those in the queue. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#draining;
  }

  #refusal(): StoreError | undefined {
    if (this.#closed) return new StoreError('store.unavailable', 'the storage is closed');
    const max = this.#limits.transactionsPendingMax;
    if (this.#queue.length < max) return undefined;
    return new StoreError('store.busy', `more than \`${max}\` transactions wait: try again later`);
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) await this.#runGroup();
    this.#draining = undefined;
  }

  async #runGroup(): Promise<void> {
    const group: Job[] = [];
    const answers: (() => void)[] = [];
    try {
      await this.#control('begin immediate', false);
      await this.#fillGroup(group, answers);
      await this.#commit();
    } catch (cause) {
      await this.#loseGroup(group, cause);
      return;
    }
    for (const answer of answers) answer();
  }

  /** After a failed write or sync SQLite undoes the transaction, but the next start may find it whole in the log. */
  async #commit(): Promise<void> {
    try {
      await this.#control('commit');
    } catch (cause) {
      const sqlite = cause instanceof StoreError ? cause.details.sqlite : undefined;
      if (typeof sqlite === 'string' && sqlite.startsWith('SQLITE_IOERR'))
        this.#lost.resolve(unknownFate(cause));
      throw cause;
    }
  }

  // A group ends as soon as nobody waits: a lone transaction pays for its own fsync and no added delay, and those that arrive
  // during that fsync make the next group, so groups grow with the load. Count and time bound how long the first one waits.
  async #fillGroup(group: Job[], answers: (() => void)[]): Promise<void> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
    }, this.#limits.groupMs);
    try {
      while (!late && group.length < this.#limits.groupTransactionsMax) {
        const job = this.#queue.shift();
        if (job === undefined) break;
        group.push(job);
        answers.push(await job.run());
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Throws only when the savepoint itself fails: then SQLite has dropped the whole group. */
  async #attempt<Result>(
    work: (tx: Transaction) => Promise<Result>,
    caller: { readonly resolve: (result: Result) => void; readonly reject: (error: unknown) => void },
  ): Promise<() => void> {
    await this.#control('savepoint app');
    const open = new OpenTransaction((statement) => this.#inTransaction(statement), 'sqlite');
    try {
      const result = await withinLimit(work(asTransaction(open)), this.#limits.transactionMs);
      open.end();
      await this.#control('release app');
      return () => {
        open.runEffects();
        caller.resolve(result);
      };
    } catch (error) {
      open.close();
      await this.#control('rollback to app');
      await this.#control('release app');
      return () => caller.reject(error);
    }
  }

  async #loseGroup(group: readonly Job[], cause: unknown): Promise<void> {
    // Fails when SQLite has rolled back by itself or the thread is gone; either way nothing stays open.
    await this.#control('rollback').catch(() => {});
    if (group.length === 0) group = this.#queue.splice(0, this.#limits.groupTransactionsMax);
    for (const job of group) job.reject(cause);
  }

  #inTransaction(statement: { readonly sql: string; readonly parameters: readonly unknown[] }) {
    return this.#writer.run(statement, { inTransaction: true });
  }

  async #control(sql: string, inTransaction = true): Promise<void> {
    await this.#writer.control({ sql, parameters: [] }, { inTransaction });
  }
}

function unknownFate(cause: unknown): StoreError {
  const message = 'a COMMIT failed on the disk: it is not known whether it took effect';
  return new StoreError('store.unavailable', message, { cause });
}
