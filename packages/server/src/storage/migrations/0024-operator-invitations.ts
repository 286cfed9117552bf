import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';

/** Setup tokens that operators make for others, and who came by whom. */
export const operatorInvitations = { name: '0024-operator-invitations', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await schema.alterTable('setup_tokens').addColumn('operator_name', types.text).execute();
  await schema.alterTable('setup_tokens').addColumn('invited_by', types.text).execute();
  await schema.alterTable('operators').addColumn('invited_by', types.text).execute();
}
