import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';

/** Which certificate was renewed with this one: a revocation takes those that its holder made from it along. */
export const renewedCertificates = { name: '0018-renewed-certificates', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await schema.alterTable('certificates').addColumn('renews', types.text).execute();
}
