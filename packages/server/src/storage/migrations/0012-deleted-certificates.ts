import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';

/** A deleted certificate's row stays: its key and serial number are taken, and a revocation stays on the CRL. */
export const deletedCertificates = { name: '0012-deleted-certificates', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await schema.alterTable('certificates').addColumn('deleted_at_ms', types.integer).execute();
}
