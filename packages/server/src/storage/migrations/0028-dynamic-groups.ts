import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';

/** Groups that are made by a query, and tags of groups. */
export const dynamicGroups = { name: '0028-dynamic-groups', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await schema.alterTable('thing_groups').addColumn('query', types.text).execute();
  await schema
    .alterTable('thing_groups')
    .addColumn('tags', types.text, (column) => column.notNull().defaultTo('{}'))
    .execute();
}
