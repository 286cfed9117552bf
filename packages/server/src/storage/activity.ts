import type { SketchEntry } from '@fleetward/policy';
import type { ActivityRecord, ActivityStore } from '../activity/store.ts';
import { type Database, readsOf } from './database.ts';
import { queriesOf } from './open-transaction.ts';
import { allRows, pageRowsMax, storedJson } from './paging.ts';
import type { Schema } from './schema.ts';

type ActivityRow = Schema['thing_activity'];

/** What things did, a row a thing. */
export function createActivityStore(database: Database): ActivityStore {
  return {
    find: async (names, tx) => {
      if (names.length === 0) return [];
      const rows = await readsOf(database, tx)
        .selectFrom('thing_activity')
        .select(['thing_name', 'entries', 'is_sampled', 'last_seen_ms'])
        .where('thing_name', 'in', names.slice(0, pageRowsMax))
        .execute();
      return rows.map(toRecord);
    },
    save: async (tx, { thingName, entries, isSampled, lastSeenMs }) => {
      const newest = {
        entries: JSON.stringify(entries),
        is_sampled: isSampled ? 1 : 0,
        last_seen_ms: lastSeenMs,
      };
      await queriesOf(tx)
        .insertInto('thing_activity')
        .values({ thing_name: thingName, ...newest })
        .onConflict((conflict) => conflict.column('thing_name').doUpdateSet(newest))
        .execute();
    },
    forget: async (tx, thingName) => {
      await queriesOf(tx).deleteFrom('thing_activity').where('thing_name', '=', thingName).execute();
    },
    expire: async (tx, beforeMs) => {
      const queries = queriesOf(tx);
      const rows = await queries
        .selectFrom('thing_activity')
        .select('thing_name')
        .where('last_seen_ms', '<', beforeMs)
        .limit(pageRowsMax)
        .execute();
      const names = rows.map((row) => row.thing_name);
      if (names.length > 0)
        await queries.deleteFrom('thing_activity').where('thing_name', 'in', names).execute();
      return names;
    },
    names: async () => {
      const rows = await allRows((after: Pick<ActivityRow, 'thing_name'> | undefined) => {
        const page = database.reads
          .selectFrom('thing_activity')
          .select('thing_name')
          .orderBy('thing_name')
          .limit(pageRowsMax);
        return (after === undefined ? page : page.where('thing_name', '>', after.thing_name)).execute();
      });
      return rows.map((row) => row.thing_name);
    },
  };
}

function toRecord(row: ActivityRow): ActivityRecord {
  return {
    thingName: row.thing_name,
    entries: storedJson(row.entries, isEntries),
    isSampled: row.is_sampled === 1,
    lastSeenMs: row.last_seen_ms,
  };
}

/** This platform wrote them; the shape of one is enough to know that nothing else did. */
function isEntries(value: unknown): value is readonly SketchEntry[] {
  return (
    Array.isArray(value) &&
    value.every((entry) => Array.isArray(entry?.levels) && typeof entry.lastSeenMs === 'number')
  );
}
