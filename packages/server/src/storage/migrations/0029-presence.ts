import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';
import { table } from './tables.ts';

/** What is known of the connections of things. */
export const presence = { name: '0029-presence', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await table(schema, 'thing_presence', types, [
    'thing_name text',
    'is_connected integer',
    'at_ms integer',
    'client_id text?',
    'session_id text?',
    'remote_address text?',
    'tls_version text?',
    'cipher text?',
    'end_reason text?',
    'ended_at_ms integer?',
    'flapping_until_ms integer?',
  ])
    .addPrimaryKeyConstraint('thing_presence_key', ['thing_name'])
    .execute();
}
