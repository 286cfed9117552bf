import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';

/** When the holder of a certificate last fetched CAs that were newer than what it had: whom the removal of a root would not hurt. */
export const fetchedCas = { name: '0021-fetched-cas', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await schema.alterTable('certificates').addColumn('cas_fetched_at_ms', types.integer).execute();
}
