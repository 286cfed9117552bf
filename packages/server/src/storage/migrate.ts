import { sql } from 'kysely';
import { StoreError } from '../store-error.ts';
import { columnTypes } from './column-types.ts';
import type { Database } from './database.ts';
import { type Migration, migrations } from './migrations/index.ts';
import { queriesOf } from './open-transaction.ts';

/** Of all steps together. A step may read or write whole tables of a large fleet, while nobody else is served. */
export const migrationMs = 600_000;

/**
 * Brings the schema to the newest version in one transaction, forward only. Refuses a database that a newer Fleetward wrote
 * (`store.newer`): it may hold what this code does not understand.
 */
export async function migrate(
  database: Pick<Database, 'kind' | 'transactor'>,
  known: readonly Migration[] = migrations,
): Promise<void> {
  await database.transactor.transact(async (tx) => {
    const queries = queriesOf(tx);
    // Two processes that start at once must not both migrate; SQLite's writer lock does the same by itself.
    if (database.kind === 'postgres') await sql`select pg_advisory_xact_lock(7021194)`.execute(queries);
    await queries.schema
      .createTable('schema_migrations')
      .ifNotExists()
      .addColumn('version', 'integer', (column) => column.primaryKey())
      .addColumn('name', 'text', (column) => column.notNull())
      .execute();
    const rows = await queries.selectFrom('schema_migrations').select('version').execute();
    const current = Math.max(0, ...rows.map((row) => row.version));
    assertNotNewer(current, known.length);
    for (const [index, migration] of known.entries()) {
      if (index < current) continue;
      await migration.up(queries.schema, columnTypes[database.kind], queries);
      await queries
        .insertInto('schema_migrations')
        .values({ version: index + 1, name: migration.name })
        .execute();
    }
  });
}

function assertNotNewer(current: number, newest: number): void {
  if (current <= newest) return;
  throw new StoreError(
    'store.newer',
    `the database has schema version \`${current}\`, this program knows up to \`${newest}\`: run the newer Fleetward that wrote it`,
    { details: { current, newest } },
  );
}
