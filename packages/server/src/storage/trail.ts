import { type TrailCheckpoint, type TrailEntry, trailEntryHash, trailGenesis } from '@fleetward/protocol';
import type { TrailStore } from '../trail/store.ts';
import type { Database } from './database.ts';
import { queriesOf } from './open-transaction.ts';
import { pageLimit } from './paging.ts';
import type { TrailEntryRow } from './schema.ts';

const entryColumns = ['node', 'seq', 'prev', 'at_ms', 'kind', 'payload_hash'] as const;

/** The trail of `node` in the records. */
export function createTrailStore(database: Database, node: string): TrailStore {
  const { reads } = database;
  return {
    head: async (tx) => {
      // Makes the row or touches it: either takes the row's lock, so the next writer waits until `tx` ends.
      const head = await queriesOf(tx)
        .insertInto('trail_heads')
        .values({ node, seq: 0, hash: trailGenesis(node) })
        .onConflict((conflict) =>
          conflict.column('node').doUpdateSet((eb) => ({ node: eb.ref('excluded.node') })),
        )
        .returning(['seq', 'hash'])
        .executeTakeFirstOrThrow();
      return head.seq === 0 ? undefined : head;
    },
    append: async (tx, entry, payload) => {
      const queries = queriesOf(tx);
      await queries.insertInto('trail_entries').values(entryRow(entry)).execute();
      await queries
        .insertInto('trail_payloads')
        .values({ node, seq: entry.seq, ...payload })
        .execute();
      await queries
        .updateTable('trail_heads')
        .set({ seq: entry.seq, hash: trailEntryHash(entry) })
        .where('node', '=', node)
        .execute();
    },
    page: async ({ afterSeq, limit }) => {
      const rows = await reads
        .selectFrom('trail_entries as entry')
        .leftJoin('trail_payloads as kept', (join) =>
          join.onRef('kept.node', '=', 'entry.node').onRef('kept.seq', '=', 'entry.seq'),
        )
        .select(['entry.node', 'entry.seq', 'entry.prev', 'entry.at_ms', 'entry.kind', 'entry.payload_hash'])
        .select(['kept.salt', 'kept.payload'])
        .where('entry.node', '=', node)
        .where('entry.seq', '>', afterSeq)
        .orderBy('entry.seq')
        .limit(pageLimit(limit))
        .execute();
      return rows.map(({ salt, payload, ...row }) => ({
        entry: toEntry(row),
        ...(salt === null || payload === null ? {} : { payload: { salt, payload } }),
      }));
    },
    newest: async () => {
      const row = await reads
        .selectFrom('trail_entries')
        .select(entryColumns)
        .where('node', '=', node)
        .orderBy('seq', 'desc')
        .limit(1)
        .executeTakeFirst();
      return row && toEntry(row);
    },
    addCheckpoint: async (tx, { at, ...checkpoint }) => {
      await queriesOf(tx)
        .insertInto('trail_checkpoints')
        .values({ ...checkpoint, at_ms: at })
        .onConflict((conflict) => conflict.columns(['node', 'seq']).doNothing())
        .execute();
    },
    checkpoints: async ({ afterSeq, limit }) => {
      const rows = await reads
        .selectFrom('trail_checkpoints')
        .select(['node', 'seq', 'hash', 'at_ms', 'signature'])
        .where('node', '=', node)
        .where('seq', '>', afterSeq)
        .orderBy('seq')
        .limit(pageLimit(limit))
        .execute();
      return rows.map(({ at_ms, ...row }): TrailCheckpoint => ({ ...row, at: at_ms }));
    },
    erasePayload: async (tx, seq) => {
      await queriesOf(tx)
        .deleteFrom('trail_payloads')
        .where('node', '=', node)
        .where('seq', '=', seq)
        .execute();
    },
  };
}

function entryRow({ at, payloadHash, ...entry }: TrailEntry): TrailEntryRow {
  return { ...entry, at_ms: at, payload_hash: payloadHash };
}

function toEntry({ at_ms, payload_hash, ...row }: TrailEntryRow): TrailEntry {
  return { ...row, at: at_ms, payloadHash: payload_hash };
}
