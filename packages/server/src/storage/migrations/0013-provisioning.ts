import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';
import { index, table } from './tables.ts';

/** Provisioning templates, claims, and the tokens of certificates that wait to be provisioned. */
export const provisioning = { name: '0013-provisioning', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await table(schema, 'provisioning_templates', types, [
    'name text',
    'default_version_id integer',
    'last_version_id integer',
    'is_enabled integer',
    'may_rejoin integer',
    'hook_url text?',
    'created_at_ms integer',
  ])
    .addPrimaryKeyConstraint('provisioning_templates_key', ['name'])
    .execute();
  await table(schema, 'provisioning_template_versions', types, [
    'name text',
    'version_id integer',
    'body text',
    'created_at_ms integer',
  ])
    .addPrimaryKeyConstraint('provisioning_template_versions_key', ['name', 'version_id'])
    .addForeignKeyConstraint('provisioning_template_versions_name', ['name'], 'provisioning_templates', [
      'name',
    ])
    .execute();
  await table(schema, 'provisioning_claims', types, [
    'certificate_id text',
    'template_name text',
    'created_at_ms integer',
    'expires_at_ms integer',
    'created_by text',
  ])
    .addPrimaryKeyConstraint('provisioning_claims_key', ['certificate_id'])
    .execute();
  await table(schema, 'provisioning_tokens', types, [
    'hash text',
    'certificate_id text',
    'claim_id text',
    'expires_at_ms integer',
  ])
    .addPrimaryKeyConstraint('provisioning_tokens_key', ['hash'])
    .execute();
  await index(schema, 'provisioning_tokens', ['expires_at_ms']);
  await index(schema, 'provisioning_tokens', ['claim_id']);
}
