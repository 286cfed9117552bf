import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';
import { table } from './tables.ts';

/** The endorsement keys of TPMs that operators trust, by their hash, and the CAs that certify such keys. */
export const endorsements = { name: '0032-endorsements', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await table(schema, 'endorsements', types, [
    'endorsement_id text',
    'der bytes?',
    'created_at_ms integer',
    'created_by text',
  ])
    .addPrimaryKeyConstraint('endorsements_key', ['endorsement_id'])
    .execute();
}
