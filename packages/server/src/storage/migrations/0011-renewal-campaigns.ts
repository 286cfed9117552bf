import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';
import { index, table } from './tables.ts';

/** Campaigns that ask a part of the fleet to renew early, and the certificates of each. */
export const renewalCampaigns = { name: '0011-renewal-campaigns', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await table(schema, 'renewal_campaigns', types, [
    'campaign_id text',
    'selection text',
    'state text',
    'rate_per_minute integer',
    'paced_from_ms integer',
    'members integer',
    'created_at_ms integer',
    'created_by text',
    'ended_at_ms integer?',
  ])
    .addPrimaryKeyConstraint('renewal_campaigns_key', ['campaign_id'])
    .execute();
  await table(schema, 'renewal_members', types, [
    'campaign_id text',
    'certificate_id text',
    'thing_name text',
    'state text',
    'at_ms integer?',
  ])
    .addPrimaryKeyConstraint('renewal_members_key', ['campaign_id', 'certificate_id'])
    .addForeignKeyConstraint('renewal_members_campaign', ['campaign_id'], 'renewal_campaigns', [
      'campaign_id',
    ])
    .execute();
  await index(schema, 'renewal_members', ['campaign_id', 'state']);
}
