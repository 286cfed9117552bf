import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';
import { table } from './tables.ts';

/** The tokens by which DDI clients speak for things. */
export const targetTokens = { name: '0023-target-tokens', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await table(schema, 'target_tokens', types, [
    'thing_name text',
    'hash text',
    'created_at_ms integer',
    'created_by text',
  ])
    .addPrimaryKeyConstraint('target_tokens_key', ['thing_name'])
    .execute();
}
