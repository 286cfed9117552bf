import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';
import { index, table } from './tables.ts';

/** Trail, operators, things, policies, certificates, enrolment and releases. */
export const spine = { name: '0001-spine', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await createTrail(schema, types);
  await createOperators(schema, types);
  await createThings(schema, types);
  await createPolicies(schema, types);
  await createCertificates(schema, types);
  await createEnrollment(schema, types);
  await createReleases(schema, types);
}

async function createTrail(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await table(schema, 'trail_heads', types, ['node text', 'seq integer', 'hash text'])
    .addPrimaryKeyConstraint('trail_heads_key', ['node'])
    .execute();
  await table(schema, 'trail_entries', types, [
    'node text',
    'seq integer',
    'prev text',
    'at_ms integer',
    'kind text',
    'payload_hash text',
  ])
    .addPrimaryKeyConstraint('trail_entries_key', ['node', 'seq'])
    .execute();
  await table(schema, 'trail_payloads', types, ['node text', 'seq integer', 'salt text', 'payload text'])
    .addPrimaryKeyConstraint('trail_payloads_key', ['node', 'seq'])
    .addForeignKeyConstraint('trail_payloads_entry', ['node', 'seq'], 'trail_entries', ['node', 'seq'])
    .execute();
  await table(schema, 'trail_checkpoints', types, [
    'node text',
    'seq integer',
    'hash text',
    'at_ms integer',
    'signature text',
  ])
    .addPrimaryKeyConstraint('trail_checkpoints_key', ['node', 'seq'])
    .addForeignKeyConstraint('trail_checkpoints_entry', ['node', 'seq'], 'trail_entries', ['node', 'seq'])
    .execute();
}

async function createOperators(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await table(schema, 'setup_tokens', types, [
    'hash text',
    'created_at_ms integer',
    'expires_at_ms integer',
    'used_at_ms integer?',
  ])
    .addPrimaryKeyConstraint('setup_tokens_key', ['hash'])
    .execute();
  await table(schema, 'operators', types, ['operator_id text', 'name text', 'created_at_ms integer'])
    .addPrimaryKeyConstraint('operators_key', ['operator_id'])
    .addUniqueConstraint('operators_name', ['name'])
    .execute();
  await table(schema, 'operator_tokens', types, [
    'token_id text',
    'operator_id text',
    'hash text',
    'created_at_ms integer',
    'expires_at_ms integer',
    'revoked_at_ms integer?',
  ])
    .addPrimaryKeyConstraint('operator_tokens_key', ['token_id'])
    .addUniqueConstraint('operator_tokens_hash', ['hash'])
    .addForeignKeyConstraint('operator_tokens_operator', ['operator_id'], 'operators', ['operator_id'])
    .execute();
  await index(schema, 'operator_tokens', ['operator_id', 'token_id']);
}

async function createThings(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await table(schema, 'things', types, [
    'name text',
    'type_name text?',
    'attributes text',
    'created_at_ms integer',
  ])
    .addPrimaryKeyConstraint('things_key', ['name'])
    .execute();
  await table(schema, 'thing_certificates', types, [
    'thing_name text',
    'certificate_id text',
    'exclusive integer',
  ])
    .addPrimaryKeyConstraint('thing_certificates_key', ['thing_name', 'certificate_id'])
    .addForeignKeyConstraint('thing_certificates_thing', ['thing_name'], 'things', ['name'])
    .execute();
  await index(schema, 'thing_certificates', ['certificate_id']);
  await table(schema, 'device_reports', types, ['thing_name text', 'received_at_ms integer', 'report text'])
    .addPrimaryKeyConstraint('device_reports_key', ['thing_name'])
    .addForeignKeyConstraint('device_reports_thing', ['thing_name'], 'things', ['name'])
    .execute();
}

async function createPolicies(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await table(schema, 'policies', types, [
    'name text',
    'default_version_id integer',
    'last_version_id integer',
    'created_at_ms integer',
  ])
    .addPrimaryKeyConstraint('policies_key', ['name'])
    .execute();
  await table(schema, 'policy_versions', types, [
    'name text',
    'version_id integer',
    'document text',
    'created_at_ms integer',
  ])
    .addPrimaryKeyConstraint('policy_versions_key', ['name', 'version_id'])
    .addForeignKeyConstraint('policy_versions_policy', ['name'], 'policies', ['name'])
    .execute();
  await table(schema, 'policy_attachments', types, ['policy_name text', 'certificate_id text'])
    .addPrimaryKeyConstraint('policy_attachments_key', ['policy_name', 'certificate_id'])
    .addForeignKeyConstraint('policy_attachments_policy', ['policy_name'], 'policies', ['name'])
    .execute();
  await index(schema, 'policy_attachments', ['certificate_id']);
}

async function createCertificates(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await table(schema, 'certificates', types, [
    'certificate_id text',
    'serial text',
    'issuer_id text',
    'der bytes',
    'subject text',
    'state text',
    'not_before_ms integer',
    'not_after_ms integer',
    'issued_at_ms integer',
    'public_key_hash text',
    'revoked_at_ms integer?',
    'revocation_reason text?',
  ])
    .addPrimaryKeyConstraint('certificates_key', ['certificate_id'])
    .addUniqueConstraint('certificates_serial', ['issuer_id', 'serial'])
    .execute();
  await index(schema, 'certificates', ['public_key_hash']);
  await index(schema, 'certificates', ['issuer_id', 'state', 'certificate_id']);
  await table(schema, 'authorities', types, [
    'certificate_id text',
    'kind text',
    'der bytes',
    'key_name text',
    'state text',
    'created_at_ms integer',
  ])
    .addPrimaryKeyConstraint('authorities_key', ['certificate_id'])
    .execute();
  await table(schema, 'crls', types, [
    'issuer_id text',
    'number integer',
    'der bytes',
    'this_update_ms integer',
    'next_update_ms integer',
  ])
    .addPrimaryKeyConstraint('crls_key', ['issuer_id'])
    .execute();
}

async function createEnrollment(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await table(schema, 'join_tokens', types, [
    'token_id text',
    'hash text',
    'name_pattern text',
    'policies text',
    'uses_max integer',
    'uses_left integer',
    'created_at_ms integer',
    'expires_at_ms integer',
    'created_by text',
    'revoked_at_ms integer?',
  ])
    .addPrimaryKeyConstraint('join_tokens_key', ['token_id'])
    .addUniqueConstraint('join_tokens_hash', ['hash'])
    .execute();
  await table(schema, 'join_token_uses', types, [
    'token_id text',
    'public_key_hash text',
    'certificate_id text',
  ])
    .addPrimaryKeyConstraint('join_token_uses_key', ['token_id', 'public_key_hash'])
    .addForeignKeyConstraint('join_token_uses_token', ['token_id'], 'join_tokens', ['token_id'])
    .execute();
  await table(schema, 'enrollment_attempts', types, [
    'attempt_id text',
    'at_ms integer',
    'remote_address text',
    'outcome text',
    'reason text',
    'explanation text',
    'token_id text?',
    'thing_name text?',
    'certificate_id text?',
  ])
    .addPrimaryKeyConstraint('enrollment_attempts_key', ['attempt_id'])
    .execute();
  await index(schema, 'enrollment_attempts', ['at_ms', 'attempt_id']);
}

async function createReleases(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await table(schema, 'metadata_files', types, [
    'name text',
    'version integer',
    'bytes bytes',
    'stored_at_ms integer',
  ])
    .addPrimaryKeyConstraint('metadata_files_key', ['name', 'version'])
    .execute();
  await table(schema, 'artifacts', types, ['sha256 text', 'length_bytes integer', 'stored_at_ms integer'])
    .addPrimaryKeyConstraint('artifacts_key', ['sha256'])
    .execute();
}
