import type { EndorsementRecord, EndorsementStore } from '../endorsements/store.ts';
import type { Database } from './database.ts';
import { queriesOf } from './open-transaction.ts';
import { pageLimit } from './paging.ts';
import type { Schema } from './schema.ts';

type Row = Schema['endorsements'];

const columns = ['endorsement_id', 'der', 'created_at_ms', 'created_by'] as const;

/** The endorsement keys that operators trust, and the CAs that certify such keys, in the records. */
export function createEndorsementStore({ reads }: Database): EndorsementStore {
  return {
    add: async (tx, endorsement) => {
      await queriesOf(tx).insertInto('endorsements').values(rowOf(endorsement)).execute();
    },
    remove: async (tx, endorsementId) => {
      const { numDeletedRows } = await queriesOf(tx)
        .deleteFrom('endorsements')
        .where('endorsement_id', '=', endorsementId)
        .executeTakeFirst();
      return numDeletedRows === 1n;
    },
    find: async (endorsementId) => {
      const row = await reads
        .selectFrom('endorsements')
        .select(columns)
        .where('endorsement_id', '=', endorsementId)
        .executeTakeFirst();
      return row && toEndorsement(row);
    },
    page: async ({ after, limit }) => {
      const page = reads
        .selectFrom('endorsements')
        .select(columns)
        .orderBy('endorsement_id')
        .limit(pageLimit(limit));
      const rows = await (after === undefined ? page : page.where('endorsement_id', '>', after)).execute();
      return rows.map(toEndorsement);
    },
    roots: async () => {
      const rows = await reads
        .selectFrom('endorsements')
        .select(columns)
        .where('der', 'is not', null)
        .execute();
      return rows.map(toEndorsement).filter((each) => each.kind === 'root');
    },
  };
}

function rowOf(endorsement: EndorsementRecord): Row {
  const { endorsementId, createdAtMs, createdBy } = endorsement;
  const der = endorsement.kind === 'root' ? endorsement.der : null;
  return { endorsement_id: endorsementId, der, created_at_ms: createdAtMs, created_by: createdBy };
}

function toEndorsement(row: Row): EndorsementRecord {
  const common = {
    endorsementId: row.endorsement_id,
    createdAtMs: row.created_at_ms,
    createdBy: row.created_by,
  };
  return row.der === null ? { ...common, kind: 'key' } : { ...common, kind: 'root', der: row.der };
}
