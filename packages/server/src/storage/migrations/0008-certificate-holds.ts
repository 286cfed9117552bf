import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';

/** What a certificate on hold becomes when the hold is lifted. */
export const certificateHolds = { name: '0008-certificate-holds', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await schema.alterTable('certificates').addColumn('state_before_hold', types.text).execute();
}
