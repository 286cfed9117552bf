import type { CreateTableBuilder, SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';

type Column = `${string} ${'text' | 'integer' | 'bytes'}${'' | '?'}`;

/** A table of `name type` columns; `?` marks the ones that may be null. */
export function table(
  schema: SchemaModule,
  name: string,
  types: ColumnTypes,
  columns: readonly Column[],
): CreateTableBuilder<string, string> {
  let builder: CreateTableBuilder<string, string> = schema.createTable(name);
  for (const column of columns) {
    const [columnName = '', type = ''] = column.replace('?', '').split(' ');
    builder = builder.addColumn(columnName, types[type as keyof ColumnTypes], (definition) =>
      column.endsWith('?') ? definition : definition.notNull(),
    );
  }
  return builder;
}

export async function index(schema: SchemaModule, on: string, columns: readonly string[]): Promise<void> {
  await schema
    .createIndex(`${on}_by_${columns.join('_')}`)
    .on(on)
    .columns([...columns])
    .execute();
}
