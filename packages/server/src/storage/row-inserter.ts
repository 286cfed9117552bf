import type { Transaction } from '@fleetward/core';
import type { CompiledQuery, InsertObject } from 'kysely';
import { queriesOf } from './open-transaction.ts';
import type { Schema } from './schema.ts';

/** A row costs half of what a statement of its own would; more rows make no more of a difference. */
const rowsPerStatement = 32;

/**
 * Inserts many rows, all with the same columns. The statement for so many rows is compiled once: to compile it costs more than to
 * have it run. One for each store, as the two databases have their own SQL.
 */
export function rowInserter<Table extends keyof Schema>(
  table: Table,
): (tx: Transaction, rows: readonly InsertObject<Schema, Table>[]) => Promise<void> {
  const compiled = new Map<number, CompiledQuery>();
  return async (tx, rows) => {
    for (let at = 0; at < rows.length; at += rowsPerStatement) {
      const some = rows.slice(at, at + rowsPerStatement);
      const known = compiled.get(some.length) ?? queriesOf(tx).insertInto(table).values(some).compile();
      compiled.set(some.length, known);
      await queriesOf(tx).executeQuery({ ...known, parameters: some.flatMap(Object.values) });
    }
  };
}
