import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';

/** What each certificate was issued for. */
export const certificateProfiles = { name: '0007-certificate-profiles', up };

// Nobody but devices had a client certificate before. The platform's own server certificates are named `device` with them: their
// key purpose keeps them out, and they are replaced in two thirds of their life.
async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await schema
    .alterTable('certificates')
    .addColumn('profile', types.text, (column) => column.notNull().defaultTo('device'))
    .execute();
}
