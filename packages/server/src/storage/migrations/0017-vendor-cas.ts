import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';
import { table } from './tables.ts';

/** The CAs of vendors, and the codes with which one is registered. */
export const vendorCas = { name: '0017-vendor-cas', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await table(schema, 'vendor_cas', types, [
    'certificate_id text',
    'der bytes',
    'public_key_hash text',
    'state text',
    'template_name text?',
    'created_at_ms integer',
    'created_by text',
  ])
    .addPrimaryKeyConstraint('vendor_cas_key', ['certificate_id'])
    .addUniqueConstraint('vendor_cas_public_key', ['public_key_hash'])
    .execute();
  await table(schema, 'vendor_ca_codes', types, [
    'hash text',
    'created_at_ms integer',
    'expires_at_ms integer',
    'created_by text',
  ])
    .addPrimaryKeyConstraint('vendor_ca_codes_key', ['hash'])
    .execute();
}
