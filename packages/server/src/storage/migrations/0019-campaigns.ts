import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';
import { index, table } from './tables.ts';

/** Rollouts of releases, and where each thing is in each. */
export const campaigns = { name: '0019-campaigns', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await table(schema, 'campaigns', types, [
    'campaign_id text',
    'definition text',
    'state text',
    'stage integer',
    'paced_from_ms integer',
    'because text?',
    'created_at_ms integer',
    'created_by text',
    'approved_by text?',
    'started_at_ms integer?',
    'ended_at_ms integer?',
  ])
    .addPrimaryKeyConstraint('campaigns_key', ['campaign_id'])
    .execute();
  await table(schema, 'campaign_actions', types, [
    'action_id integer',
    'campaign_id text',
    'thing_name text',
    'state text',
    'since_ms integer',
    'stage integer?',
    'attempts integer',
    'offered_at_ms integer?',
    'not_before_ms integer?',
    'from_version text?',
    'from_sha256 text?',
    'cause text?',
    'explanation text?',
  ])
    .addPrimaryKeyConstraint('campaign_actions_key', ['action_id'])
    .addUniqueConstraint('campaign_actions_thing', ['campaign_id', 'thing_name'])
    .addForeignKeyConstraint('campaign_actions_campaign', ['campaign_id'], 'campaigns', ['campaign_id'])
    .execute();
  // Pages of a campaign, and of those in one state, in the order of their numbers.
  await index(schema, 'campaign_actions', ['campaign_id', 'action_id']);
  await index(schema, 'campaign_actions', ['campaign_id', 'state', 'action_id']);
}
