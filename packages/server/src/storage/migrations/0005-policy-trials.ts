import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';
import { table } from './tables.ts';

/** Versions in trial, and which version was in force before. */
export const policyTrials = { name: '0005-policy-trials', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await schema.alterTable('policies').addColumn('previous_version_id', types.integer).execute();
  await table(schema, 'policy_trials', types, [
    'policy_name text',
    'version_id integer',
    'started_at_ms integer',
    'state text',
  ])
    .addPrimaryKeyConstraint('policy_trials_key', ['policy_name'])
    .addForeignKeyConstraint('policy_trials_version', ['policy_name', 'version_id'], 'policy_versions', [
      'name',
      'version_id',
    ])
    .execute();
}
