import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';
import { table } from './tables.ts';

/** What things report and what is desired of them. */
export const shadows = { name: '0027-shadows', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await table(schema, 'shadows', types, [
    'shadow_key text',
    'version integer',
    'document text?',
    'updated_at_ms integer',
  ])
    .addPrimaryKeyConstraint('shadows_key', ['shadow_key'])
    .execute();
}
