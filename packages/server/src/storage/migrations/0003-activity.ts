import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';
import { index, table } from './tables.ts';

/** What each thing did. */
export const activity = { name: '0003-activity', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await table(schema, 'thing_activity', types, [
    'thing_name text',
    'entries text',
    'is_sampled integer',
    'last_seen_ms integer',
  ])
    .addPrimaryKeyConstraint('thing_activity_key', ['thing_name'])
    .execute();
  await index(schema, 'thing_activity', ['last_seen_ms']);
}
