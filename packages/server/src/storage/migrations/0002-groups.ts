import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';
import { index, table } from './tables.ts';

/** Static groups of things, and the policies attached to them. */
export const groups = { name: '0002-groups', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await table(schema, 'thing_groups', types, ['name text', 'parent_name text?', 'created_at_ms integer'])
    .addPrimaryKeyConstraint('thing_groups_key', ['name'])
    .addForeignKeyConstraint('thing_groups_parent', ['parent_name'], 'thing_groups', ['name'])
    .execute();
  await index(schema, 'thing_groups', ['parent_name']);
  await table(schema, 'group_things', types, ['group_name text', 'thing_name text'])
    .addPrimaryKeyConstraint('group_things_key', ['group_name', 'thing_name'])
    .addForeignKeyConstraint('group_things_group', ['group_name'], 'thing_groups', ['name'])
    .execute();
  await index(schema, 'group_things', ['thing_name']);
  await table(schema, 'policy_group_attachments', types, ['policy_name text', 'group_name text'])
    .addPrimaryKeyConstraint('policy_group_attachments_key', ['policy_name', 'group_name'])
    .addForeignKeyConstraint('policy_group_attachments_policy', ['policy_name'], 'policies', ['name'])
    .execute();
}
