import type { ThingType, ThingTypeStore } from '../things/store.ts';
import type { Database } from './database.ts';
import { queriesOf } from './open-transaction.ts';
import { allRows, isTexts, pageRowsMax, storedJson } from './paging.ts';
import type { Schema } from './schema.ts';

type TypeRow = Schema['thing_types'];

/** Types of things in the records. */
export function createThingTypeStore({ reads }: Database): ThingTypeStore {
  return {
    add: async (tx, { name, createdAtMs, ...type }) => {
      const row = { name, ...columnsOf(type), created_at_ms: createdAtMs };
      await queriesOf(tx).insertInto('thing_types').values(row).execute();
    },
    update: async (tx, { name, ...type }) => {
      const { numUpdatedRows } = await queriesOf(tx)
        .updateTable('thing_types')
        .set(columnsOf(type))
        .where('name', '=', name)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    remove: async (tx, name) => {
      const { numDeletedRows } = await queriesOf(tx)
        .deleteFrom('thing_types')
        .where('name', '=', name)
        .executeTakeFirst();
      return numDeletedRows === 1n;
    },
    all: async () => {
      const rows = await allRows((after: TypeRow | undefined) => {
        const page = reads
          .selectFrom('thing_types')
          .select(['name', 'required_attributes', 'tags', 'created_at_ms'])
          .orderBy('name')
          .limit(pageRowsMax);
        return (after === undefined ? page : page.where('name', '>', after.name)).execute();
      });
      return rows.map(toType);
    },
  };
}

function columnsOf({ requiredAttributes, tags }: Pick<ThingType, 'requiredAttributes' | 'tags'>) {
  return { required_attributes: JSON.stringify(requiredAttributes), tags: JSON.stringify(tags) };
}

function toType(row: TypeRow): ThingType {
  return {
    name: row.name,
    requiredAttributes: storedJson(row.required_attributes, isNames),
    tags: storedJson(row.tags, isTexts),
    createdAtMs: row.created_at_ms,
  };
}

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((name) => typeof name === 'string');
}
