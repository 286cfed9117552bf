import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';
import { index, table } from './tables.ts';

/** What devices were told when they provisioned: for those whom the answer did not reach. */
export const provisionedAnswers = { name: '0020-provisioned-answers', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await table(schema, 'provisioned_answers', types, [
    'hash text',
    'certificate_id text',
    'claim_id text',
    'request_hash text',
    'answer text',
    'expires_at_ms integer',
  ])
    .addPrimaryKeyConstraint('provisioned_answers_key', ['hash'])
    .execute();
  await index(schema, 'provisioned_answers', ['expires_at_ms']);
}
