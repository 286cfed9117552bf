import { type Kysely, type SchemaModule, sql } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';
import type { Schema } from '../schema.ts';
import { table } from './tables.ts';

/** Fewer pages that one more certificate changes: most are ACTIVE, and all of one moment wait side by side for the issuance log. */
export const cheaperIssuing = { name: '0022-cheaper-issuing', up };

async function up(schema: SchemaModule, types: ColumnTypes, queries: Kysely<Schema>): Promise<void> {
  await schema.dropIndex('certificates_by_issuer_id_state_certificate_id').execute();
  await schema
    .createIndex('certificates_by_state_but_active')
    .on('certificates')
    .columns(['state', 'certificate_id'])
    .where(sql.ref('state'), '<>', sql.lit('ACTIVE'))
    .execute();
  await table(schema, 'issuance_log_waiting', types, ['since_ms integer', 'certificate_id text'])
    .addPrimaryKeyConstraint('issuance_log_waiting_key', ['since_ms', 'certificate_id'])
    .execute();
  await sql`insert into issuance_log_waiting select since_ms, certificate_id from issuance_log_pending`.execute(
    queries,
  );
  await schema.dropTable('issuance_log_pending').execute();
}
