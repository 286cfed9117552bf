import { type Kysely, type SchemaModule, sql } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';
import type { Schema } from '../schema.ts';

/** Where things stand in their lives, and their tags. What has a certificate is taken to be in use. */
export const lifecycle = { name: '0026-lifecycle', up };

async function up(schema: SchemaModule, types: ColumnTypes, queries: Kysely<Schema>): Promise<void> {
  await schema
    .alterTable('things')
    .addColumn('tags', types.text, (column) => column.notNull().defaultTo('{}'))
    .execute();
  await schema
    .alterTable('things')
    .addColumn('state', types.text, (column) => column.notNull().defaultTo('manufactured'))
    .execute();
  await sql`update things set state = 'active' where name in (select thing_name from thing_certificates)`.execute(
    queries,
  );
}
