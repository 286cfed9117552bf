import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';

/** What the certificates of a join token are for, and the group that its things join. */
export const joinTokenTerms = { name: '0010-join-token-terms', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await schema
    .alterTable('join_tokens')
    .addColumn('profile', types.text, (column) => column.notNull().defaultTo('device'))
    .execute();
  await schema.alterTable('join_tokens').addColumn('group_name', types.text).execute();
}
