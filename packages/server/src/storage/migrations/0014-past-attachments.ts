import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';
import { table } from './tables.ts';

/** Which certificates once spoke for a thing, also after the thing is gone: a revocation of one judges its device. */
export const pastAttachments = { name: '0014-past-attachments', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await table(schema, 'past_thing_certificates', types, ['thing_name text', 'certificate_id text'])
    .addPrimaryKeyConstraint('past_thing_certificates_key', ['thing_name', 'certificate_id'])
    .execute();
}
