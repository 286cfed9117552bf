import type { Transaction, Transactor } from '@fleetward/core';
import type { Kysely } from 'kysely';
import type { StoreError } from '../store-error.ts';
import { queriesOf } from './open-transaction.ts';
import type { Schema } from './schema.ts';
import type { DatabaseKind } from './statement.ts';

/** What the stores need of either database. */
export interface Database {
  readonly kind: DatabaseKind;
  readonly transactor: Transactor;
  /** For statements outside a transaction; each sees every commit that was acknowledged before it. */
  readonly reads: Kysely<Schema>;
  /** Resolves when it is gone for good or its state is not known; short outages are failures of single calls. */
  readonly lost: Promise<StoreError>;
  close(): Promise<void>;
}

/** The query builder to read with: inside `tx` when one is given. */
export function readsOf(database: Database, tx: Transaction | undefined): Kysely<Schema> {
  return tx === undefined ? database.reads : queriesOf(tx);
}
