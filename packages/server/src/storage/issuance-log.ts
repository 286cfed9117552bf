import type { CertificateId } from '@fleetward/core';
import type { IssuanceLogEntry, TreeHead } from '@fleetward/protocol';
import type { IssuanceLogStore } from '../issuance-log/store.ts';
import { type Database, readsOf } from './database.ts';
import { queriesOf } from './open-transaction.ts';
import { pageLimit } from './paging.ts';
import { rowInserter } from './row-inserter.ts';
import type { Schema } from './schema.ts';

/** The one row of the lock. */
const theLog = 1;
/** Names in one statement, below what either database binds. */
const namesMax = 200;

export function createIssuanceLogStore(database: Database): IssuanceLogStore {
  const { reads } = database;
  const wait = rowInserter('issuance_log_waiting');
  const enter = rowInserter('issuance_log_entries');
  return {
    pend: async (tx, { certificateIds, sinceMs }) => {
      const rows = certificateIds.map((certificate_id) => ({ since_ms: sinceMs, certificate_id }));
      await wait(tx, rows);
    },
    lockSize: async (tx) => {
      // Makes the row or touches it: either takes the row's lock, so the next writer waits until `tx` ends.
      const row = await queriesOf(tx)
        .insertInto('issuance_log_size')
        .values({ log: theLog, size: 0 })
        .onConflict((conflict) =>
          conflict.column('log').doUpdateSet((eb) => ({ log: eb.ref('excluded.log') })),
        )
        .returning('size')
        .executeTakeFirstOrThrow();
      return row.size;
    },
    pending: async (tx, limit) => {
      const rows = await queriesOf(tx)
        .selectFrom('issuance_log_waiting')
        .select(['since_ms', 'certificate_id'])
        .orderBy('since_ms')
        .orderBy('certificate_id')
        .limit(pageLimit(limit))
        .execute();
      return rows.map(({ since_ms, certificate_id }) => ({
        sinceMs: since_ms,
        certificateId: certificate_id,
      }));
    },
    waiting: async () => {
      const row = await reads
        .selectFrom('issuance_log_waiting')
        .select(({ fn }) => [fn.countAll<number>().as('count'), fn.min('since_ms').as('since_ms')])
        .executeTakeFirstOrThrow();
      const count = Number(row.count);
      return count === 0 ? { count } : { count, sinceMs: Number(row.since_ms) };
    },
    append: async (tx, entries, { waitedSinceMs }) => {
      const queries = queriesOf(tx);
      await enter(tx, entries.map(entryRow));
      for (const slice of slices(entries)) {
        await queries
          .deleteFrom('issuance_log_waiting')
          .where('since_ms', '<=', waitedSinceMs)
          .where(
            'certificate_id',
            'in',
            slice.map(({ certificateId }) => certificateId),
          )
          .execute();
      }
      const last = entries.at(-1);
      if (last === undefined) return;
      await queries
        .updateTable('issuance_log_size')
        .set({ size: last.index + 1 })
        .where('log', '=', theLog)
        .execute();
    },
    addNodes: async (tx, nodes) => {
      await queriesOf(tx)
        .insertInto('issuance_log_nodes')
        .values([...nodes])
        .execute();
    },
    size: async () => {
      const row = await reads.selectFrom('issuance_log_size').select('size').executeTakeFirst();
      return row?.size ?? 0;
    },
    entries: async ({ from, limit }, tx) => {
      const rows = await readsOf(database, tx)
        .selectFrom('issuance_log_entries')
        .select(['log_index', 'at_ms', 'certificate_id'])
        .where('log_index', '>=', from)
        .orderBy('log_index')
        .limit(pageLimit(limit))
        .execute();
      return rows.map(toEntry);
    },
    nodes: async ({ level, from, count }, tx) => {
      const rows = await readsOf(database, tx)
        .selectFrom('issuance_log_nodes')
        .select('hash')
        .where('level', '=', level)
        .where('position', '>=', from)
        .orderBy('position')
        .limit(pageLimit(count))
        .execute();
      return rows.map(({ hash }) => hash);
    },
    find: async (certificateId) => {
      const row = await reads
        .selectFrom('issuance_log_entries')
        .select(['log_index', 'at_ms', 'certificate_id'])
        .where('certificate_id', '=', certificateId)
        .executeTakeFirst();
      return row && toEntry(row);
    },
    logged: async (certificateIds) => {
      const logged = new Set<CertificateId>();
      // First what waits: one that is entered in between is then in one of them at least.
      for (const table of ['issuance_log_waiting', 'issuance_log_entries'] as const)
        for (const slice of slices(certificateIds)) {
          const rows = await reads
            .selectFrom(table)
            .select('certificate_id')
            .where('certificate_id', 'in', slice)
            .execute();
          for (const { certificate_id } of rows) logged.add(certificate_id);
        }
      return logged;
    },
    saveHead: async (tx, { size, rootHash, at, signature }) => {
      const signed = { root_hash: rootHash, at_ms: at, signature };
      await queriesOf(tx)
        .insertInto('issuance_log_heads')
        .values({ size, ...signed })
        .onConflict((conflict) => conflict.column('size').doUpdateSet(signed))
        .execute();
    },
    newestHead: async () => {
      const row = await reads
        .selectFrom('issuance_log_heads')
        .select(['size', 'root_hash', 'at_ms', 'signature'])
        .orderBy('size', 'desc')
        .limit(1)
        .executeTakeFirst();
      return row && toHead(row);
    },
  };
}

function slices<Row>(rows: readonly Row[]): readonly (readonly Row[])[] {
  const count = Math.ceil(rows.length / namesMax);
  return Array.from({ length: count }, (_, place) => rows.slice(place * namesMax, (place + 1) * namesMax));
}

function entryRow({ index, at, certificateId }: IssuanceLogEntry): Schema['issuance_log_entries'] {
  return { log_index: index, at_ms: at, certificate_id: certificateId };
}

function toEntry(row: Schema['issuance_log_entries']): IssuanceLogEntry {
  return { index: row.log_index, at: row.at_ms, certificateId: row.certificate_id };
}

function toHead({ root_hash, at_ms, ...row }: Schema['issuance_log_heads']): TreeHead {
  return { ...row, rootHash: root_hash, at: at_ms };
}
