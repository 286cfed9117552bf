import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';
import { table } from './tables.ts';

/** Types of things, and the attributes that they require. */
export const thingTypes = { name: '0031-thing-types', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await table(schema, 'thing_types', types, [
    'name text',
    'required_attributes text',
    'tags text',
    'created_at_ms integer',
  ])
    .addPrimaryKeyConstraint('thing_types_key', ['name'])
    .execute();
}
