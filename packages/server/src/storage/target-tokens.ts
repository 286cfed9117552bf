import type { TargetToken, TargetTokenStore } from '../ddi/store.ts';
import type { Database } from './database.ts';
import { queriesOf } from './open-transaction.ts';
import { pageLimit } from './paging.ts';
import type { Schema } from './schema.ts';

const columns = ['thing_name', 'hash', 'created_at_ms', 'created_by'] as const;

/** The tokens of DDI clients, in the records. */
export function createTargetTokenStore({ reads }: Database): TargetTokenStore {
  return {
    put: async (tx, { thingName, ...token }) => {
      const row = { hash: token.hash, created_at_ms: token.createdAtMs, created_by: token.createdBy };
      await queriesOf(tx)
        .insertInto('target_tokens')
        .values({ thing_name: thingName, ...row })
        .onConflict((conflict) => conflict.column('thing_name').doUpdateSet(row))
        .execute();
    },
    remove: async (tx, thingName) => {
      const { numDeletedRows } = await queriesOf(tx)
        .deleteFrom('target_tokens')
        .where('thing_name', '=', thingName)
        .executeTakeFirst();
      return numDeletedRows === 1n;
    },
    find: async (thingName) => {
      const row = await reads
        .selectFrom('target_tokens')
        .select(columns)
        .where('thing_name', '=', thingName)
        .executeTakeFirst();
      return row && toToken(row);
    },
    page: async ({ after, limit }) => {
      const page = reads
        .selectFrom('target_tokens')
        .select(columns)
        .orderBy('thing_name')
        .limit(pageLimit(limit));
      const rows = await (after === undefined ? page : page.where('thing_name', '>', after)).execute();
      return rows.map(toToken);
    },
  };
}

function toToken(row: Schema['target_tokens']): TargetToken {
  return {
    thingName: row.thing_name,
    hash: row.hash,
    createdAtMs: row.created_at_ms,
    createdBy: row.created_by,
  };
}
