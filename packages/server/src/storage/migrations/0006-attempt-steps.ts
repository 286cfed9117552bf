import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';

/** What an attempt to enrol asked for, and the steps it went through. */
export const attemptSteps = { name: '0006-attempt-steps', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await schema
    .alterTable('enrollment_attempts')
    .addColumn('operation', types.text, (column) => column.notNull().defaultTo(''))
    .execute();
  await schema
    .alterTable('enrollment_attempts')
    .addColumn('steps', types.text, (column) => column.notNull().defaultTo('[]'))
    .execute();
}
