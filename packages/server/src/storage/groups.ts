import type { Group, GroupStore } from '../groups/store.ts';
import type { Database } from './database.ts';
import { queriesOf } from './open-transaction.ts';
import { allRows, isTexts, pageLimit, pageRowsMax, storedJson } from './paging.ts';
import { rowInserter } from './row-inserter.ts';
import type { Schema } from './schema.ts';

type GroupRow = Schema['thing_groups'];
type MembershipRow = Schema['group_things'];

/** Groups, their hierarchy and their things in the records. */
export function createGroupStore({ reads }: Database): GroupStore {
  const insertMemberships = rowInserter('group_things');
  return {
    add: async (tx, { name, parentName, query, tags, createdAtMs }) => {
      const row = {
        name,
        parent_name: parentName ?? null,
        query: query ?? null,
        tags: JSON.stringify(tags),
        created_at_ms: createdAtMs,
      };
      await queriesOf(tx).insertInto('thing_groups').values(row).execute();
    },
    setParent: async (tx, { name, parentName }) => {
      const { numUpdatedRows } = await queriesOf(tx)
        .updateTable('thing_groups')
        .set({ parent_name: parentName ?? null })
        .where('name', '=', name)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    update: async (tx, { name, query, tags }) => {
      const { numUpdatedRows } = await queriesOf(tx)
        .updateTable('thing_groups')
        .set({ query: query ?? null, tags: JSON.stringify(tags) })
        .where('name', '=', name)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    remove: async (tx, name) => {
      const { numDeletedRows } = await queriesOf(tx)
        .deleteFrom('thing_groups')
        .where('name', '=', name)
        .executeTakeFirst();
      return numDeletedRows === 1n;
    },
    page: async ({ after, limit }) => {
      const page = reads
        .selectFrom('thing_groups')
        .select(['name', 'parent_name', 'query', 'tags', 'created_at_ms'])
        .orderBy('name')
        .limit(pageLimit(limit));
      const rows = await (after === undefined ? page : page.where('name', '>', after)).execute();
      return rows.map(toGroup);
    },
    addThing: async (tx, { groupName, thingName }) => {
      await queriesOf(tx)
        .insertInto('group_things')
        .values({ group_name: groupName, thing_name: thingName })
        .onConflict((conflict) => conflict.columns(['group_name', 'thing_name']).doNothing())
        .execute();
    },
    addThings: (tx, memberships) =>
      insertMemberships(
        tx,
        memberships.map(({ groupName, thingName }) => ({ group_name: groupName, thing_name: thingName })),
      ),
    removeThing: async (tx, { groupName, thingName }) => {
      const { numDeletedRows } = await queriesOf(tx)
        .deleteFrom('group_things')
        .where('group_name', '=', groupName)
        .where('thing_name', '=', thingName)
        .executeTakeFirst();
      return numDeletedRows === 1n;
    },
    forgetThing: async (tx, thingName) => {
      await queriesOf(tx).deleteFrom('group_things').where('thing_name', '=', thingName).execute();
    },
    things: async (name, { after, limit }) => {
      const page = reads
        .selectFrom('group_things')
        .select('thing_name')
        .where('group_name', '=', name)
        .orderBy('thing_name')
        .limit(pageLimit(limit));
      const rows = await (after === undefined ? page : page.where('thing_name', '>', after)).execute();
      return rows.map((row) => row.thing_name);
    },
    memberships: async () => {
      const rows = await allRows((after: MembershipRow | undefined) => {
        const page = reads
          .selectFrom('group_things')
          .select(['group_name', 'thing_name'])
          .orderBy('group_name')
          .orderBy('thing_name')
          .limit(pageRowsMax);
        if (after === undefined) return page.execute();
        return page
          .where((eb) =>
            eb(eb.refTuple('group_name', 'thing_name'), '>', eb.tuple(after.group_name, after.thing_name)),
          )
          .execute();
      });
      return rows.map((row) => ({ groupName: row.group_name, thingName: row.thing_name }));
    },
  };
}

function toGroup(row: GroupRow): Group {
  return {
    name: row.name,
    tags: storedJson(row.tags, isTexts),
    createdAtMs: row.created_at_ms,
    ...(row.parent_name === null ? {} : { parentName: row.parent_name }),
    ...(row.query === null ? {} : { query: row.query }),
  };
}
