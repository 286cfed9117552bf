import type { Transaction } from '@fleetward/core';
import type { Kysely } from 'kysely';
import { StoreError } from '../store-error.ts';
import type { Schema } from './schema.ts';
import { type DatabaseKind, queriesOver, type RunStatement, type Statement } from './statement.ts';

/**
 * What hides behind a `Transaction`. After a failed statement it only refuses, on both databases, so that an error that `work`
 * swallowed can never be committed around; after its end it refuses too, so that a late statement cannot run outside.
 */
export class OpenTransaction {
  readonly queries: Kysely<Schema>;
  readonly #run: RunStatement;
  readonly #effects: (() => void)[] = [];
  #failure: unknown;
  #state: 'open' | 'failed' | 'ended' = 'open';

  constructor(run: RunStatement, kind: DatabaseKind) {
    this.#run = run;
    this.queries = queriesOver((statement) => this.#guarded(statement), kind);
  }

  afterCommit(effect: () => void): void {
    this.#assertOpen();
    this.#effects.push(effect);
  }

  /** Closes it to further statements; throws what failed inside, though `work` may have caught it. */
  end(): void {
    const failed = this.#state === 'failed';
    this.close();
    if (failed) throw this.#failure;
  }

  /** Closes it to further statements. */
  close(): void {
    this.#state = 'ended';
  }

  /** Runs the effects in order. One that throws leaves memory and records apart: that must end the process, not be caught. */
  runEffects(): void {
    for (const effect of this.#effects) {
      try {
        effect();
      } catch (cause) {
        process.nextTick(() => {
          throw cause;
        });
      }
    }
  }

  async #guarded(statement: Statement) {
    this.#assertOpen();
    try {
      return await this.#run(statement);
    } catch (cause) {
      if (this.#state === 'open') {
        this.#state = 'failed';
        this.#failure = cause;
      }
      throw cause;
    }
  }

  #assertOpen(): void {
    if (this.#state === 'open') return;
    const why = this.#state === 'failed' ? 'an earlier statement in it failed' : 'it has ended';
    throw new StoreError('store.unavailable', `the transaction takes no more statements: ${why}`);
  }
}

/** The opaque form that domains carry about. */
export function asTransaction(open: OpenTransaction): Transaction {
  return open as unknown as Transaction;
}

/** The query builder inside `tx`. */
export function queriesOf(tx: Transaction): Kysely<Schema> {
  if (tx instanceof OpenTransaction) return tx.queries;
  throw new TypeError('this transaction was not begun by the storage');
}
