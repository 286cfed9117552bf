import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';
import { index, table } from './tables.ts';

/** The Merkle tree of what was issued. */
export const issuanceLog = { name: '0009-issuance-log', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await table(schema, 'issuance_log_size', types, ['log integer', 'size integer'])
    .addPrimaryKeyConstraint('issuance_log_size_key', ['log'])
    .execute();
  await table(schema, 'issuance_log_entries', types, [
    'log_index integer',
    'at_ms integer',
    'certificate_id text',
  ])
    .addPrimaryKeyConstraint('issuance_log_entries_key', ['log_index'])
    .addUniqueConstraint('issuance_log_entries_certificate', ['certificate_id'])
    .execute();
  await table(schema, 'issuance_log_nodes', types, ['level integer', 'position integer', 'hash bytes'])
    .addPrimaryKeyConstraint('issuance_log_nodes_key', ['level', 'position'])
    .execute();
  await table(schema, 'issuance_log_pending', types, ['certificate_id text', 'since_ms integer'])
    .addPrimaryKeyConstraint('issuance_log_pending_key', ['certificate_id'])
    .execute();
  await index(schema, 'issuance_log_pending', ['since_ms']);
  await table(schema, 'issuance_log_heads', types, [
    'size integer',
    'root_hash text',
    'at_ms integer',
    'signature text',
  ])
    .addPrimaryKeyConstraint('issuance_log_heads_key', ['size'])
    .execute();
}
