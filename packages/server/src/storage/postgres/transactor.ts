import type { Transaction, Transactor } from '@fleetward/core';
import { Client, type Pool, type PoolClient } from 'pg';
import { StoreError } from '../../store-error.ts';
import { asTransaction, OpenTransaction } from '../open-transaction.ts';
import type { RunStatement } from '../statement.ts';
import { isOverLimit, withinLimit } from '../time-limit.ts';
import { postgresError } from './errors.ts';
import { backendOf } from './sessions.ts';

export interface TransactionLimits {
  /** A transaction's `work` that takes longer is rolled back. */
  readonly transactionMs: number;
  /** Transactions that may be open or wait for a connection. */
  readonly transactionsPendingMax: number;
}

/**
 * Transactions at `READ COMMITTED`; what is checked and then changed is locked or guarded by the statements themselves.
 * Nothing is retried here: a deadlock or a time-out is `store.busy`, and the caller knows whether `work` may run again.
 */
export class PostgresTransactor implements Transactor {
  readonly #pool: Pool;
  readonly #limits: TransactionLimits;
  readonly #running = new Set<Promise<unknown>>();
  readonly #lost = Promise.withResolvers<StoreError>();
  #closed = false;
  // A COMMIT that had to wait for another's lock is sent after that other's COMMIT, but its answer could be read first. Effects
  // keep the order in which COMMITs were sent, so that memory never ends with the older of two changes.
  #lastCommit: Promise<unknown> = Promise.resolve();

  constructor(pool: Pool, limits: TransactionLimits) {
    this.#pool = pool;
    this.#limits = limits;
  }

  transact<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    const running = this.#begin(work).finally(() => this.#running.delete(running));
    this.#running.add(running);
    return running;
  }

  /** Resolves when the answer to a COMMIT was lost: memory may no longer say what the records say. */
  get lost(): Promise<StoreError> {
    return this.#lost.promise;
  }

  /** Refuses new transactions and waits for those that are open or wait for a connection. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#running);
  }

  #refusal(): StoreError | undefined {
    if (this.#closed) return new StoreError('store.unavailable', 'the storage is closed');
    const max = this.#limits.transactionsPendingMax;
    if (this.#running.size < max) return undefined;
    return new StoreError('store.busy', `more than \`${max}\` transactions wait: try again later`);
  }

  async #begin<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> {
    const client = await connect(this.#pool);
    return await this.#on(client, work);
  }

  async #on<Result>(client: PoolClient, work: (tx: Transaction) => Promise<Result>): Promise<Result> {
    const open = new OpenTransaction(statementsOn(client), 'postgres');
    try {
      await control(client, 'begin isolation level read committed');
      const result = await withinLimit(work(asTransaction(open)), this.#limits.transactionMs);
      open.end();
      await this.#commit(client, open);
      client.release();
      return result;
    } catch (error) {
      open.close();
      await (isOverLimit(error) ? this.#giveUp(client) : rollBack(client));
      throw error;
    }
  }

  /**
   * Ends a late transaction and the statement that it is in, which a ROLLBACK alone would wait behind. It is cancelled over a connection
   * of its own, as the others of the pool may be as stuck; the cancelled one is not used again, where the cancellation could be late too.
   */
  async #giveUp(client: PoolClient): Promise<void> {
    const other = new Client(this.#pool.options);
    other.on('error', () => {});
    try {
      await other.connect();
      await other.query('select pg_cancel_backend($1)', [backendOf(client)]);
      await control(client, 'rollback');
    } catch {
      // The server rolls back when it finds the connection gone.
    } finally {
      client.release(true);
      await other.end().catch(() => {});
    }
  }

  async #sendCommit(client: PoolClient): Promise<void> {
    try {
      await control(client, 'commit');
    } catch (cause) {
      if (!isDefinite(cause)) this.#lost.resolve(answerLost(cause));
      throw cause;
    }
  }

  #commit(client: PoolClient, open: OpenTransaction): Promise<void> {
    const before = this.#lastCommit;
    const commit = this.#sendCommit(client);
    const inTurn = async () => {
      await Promise.allSettled([before, commit]);
      await commit;
      open.runEffects();
    };
    const done = inTurn();
    this.#lastCommit = done.catch(() => {});
    return done;
  }
}

/** Whether the server said of this COMMIT that it failed; a connection that ended, or was ended, says nothing of the kind. */
function isDefinite(error: unknown): boolean {
  const code = error instanceof StoreError ? error.details.postgres : undefined;
  return typeof code === 'string' && !/^(08|57P|58|XX)/.test(code);
}

/** Statements on one connection. */
export function statementsOn(client: Pick<PoolClient, 'query'>): RunStatement {
  return async ({ sql, parameters }) => {
    try {
      const result = await client.query(sql, [...parameters]);
      return { rows: result.rows, affected: result.rowCount ?? 0 };
    } catch (error) {
      throw postgresError(error);
    }
  };
}

async function connect(pool: Pool): Promise<PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    throw postgresError(error);
  }
}

async function control(client: PoolClient, sql: string): Promise<void> {
  await statementsOn(client)({ sql, parameters: [] });
}

/** A connection that cannot even roll back is thrown away: the server then rolls back by itself. */
async function rollBack(client: PoolClient): Promise<void> {
  try {
    await control(client, 'rollback');
    client.release();
  } catch {
    client.release(true);
  }
}

function answerLost(cause: unknown): StoreError {
  const message = 'the answer to a COMMIT was lost: it is not known whether it took effect';
  return new StoreError('store.unavailable', message, { cause });
}
