import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';
import { table } from './tables.ts';

/** Proofs that operators require of policies. */
export const guardrails = { name: '0004-guardrails', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await table(schema, 'guardrails', types, [
    'name text',
    'policy_name text?',
    'property text',
    'created_at_ms integer',
  ])
    .addPrimaryKeyConstraint('guardrails_key', ['name'])
    .execute();
}
