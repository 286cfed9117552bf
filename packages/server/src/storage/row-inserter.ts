import type { Transaction } from '@fleetward/core';
import { type CompiledQuery, type InsertObject, sql } from 'kysely';
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
  return inPortions((tx, some) => queriesOf(tx).insertInto(table).values(some).compile());
}

/** As `rowInserter`, in the place of the rows that have the same `key`. */
export function rowReplacer<Table extends keyof Schema>(
  table: Table,
  key: keyof Schema[Table] & string,
): (tx: Transaction, rows: readonly InsertObject<Schema, Table>[]) => Promise<void> {
  return inPortions((tx, some) => {
    const others = Object.keys(some[0] ?? {}).filter((column) => column !== key);
    const newest = sql.join(others.map((column) => sql`${sql.ref(column)} = excluded.${sql.ref(column)}`));
    const onConflict = sql`on conflict (${sql.ref(key)}) do update set ${newest}`;
    return queriesOf(tx).insertInto(table).values(some).modifyEnd(onConflict).compile();
  });
}

function inPortions<Row extends object>(
  compile: (tx: Transaction, some: readonly Row[]) => CompiledQuery,
): (tx: Transaction, rows: readonly Row[]) => Promise<void> {
  const compiled = new Map<number, CompiledQuery>();
  return async (tx, rows) => {
    for (let at = 0; at < rows.length; at += rowsPerStatement) {
      const some = rows.slice(at, at + rowsPerStatement);
      const known = compiled.get(some.length) ?? compile(tx, some);
      compiled.set(some.length, known);
      await queriesOf(tx).executeQuery({ ...known, parameters: some.flatMap(Object.values) });
    }
  };
}
