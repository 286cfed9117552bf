import type { AuthorityRecord, CertificateStore, CrlRecord } from '../certificates/store.ts';
import { StoreError } from '../store-error.ts';
import type { Database } from './database.ts';
import { queriesOf } from './open-transaction.ts';
import { allRows, pageRowsMax } from './paging.ts';
import type { Schema } from './schema.ts';

type AuthorityRow = Schema['authorities'];
type CrlRow = Schema['crls'];
type AuthorityMethods = Pick<
  CertificateStore,
  'addAuthority' | 'setAuthorityState' | 'authorities' | 'saveCrl' | 'findCrl'
>;

/** The part of the certificate store that is about authorities and their CRLs. */
export function createAuthorityStore({ reads }: Database): AuthorityMethods {
  return {
    addAuthority: async (tx, authority) => {
      await queriesOf(tx).insertInto('authorities').values(authorityRow(authority)).execute();
    },
    setAuthorityState: async (tx, { certificateId, state }) => {
      const { numUpdatedRows } = await queriesOf(tx)
        .updateTable('authorities')
        .set({ state })
        .where('certificate_id', '=', certificateId)
        .executeTakeFirst();
      if (numUpdatedRows === 1n) return;
      throw new StoreError('store.conflict', `there is no CA \`${certificateId}\``);
    },
    authorities: async () => {
      const rows = await allRows((after: AuthorityRow | undefined) => {
        const page = reads
          .selectFrom('authorities')
          .select(['certificate_id', 'kind', 'der', 'key_name', 'state', 'created_at_ms'])
          .orderBy('certificate_id')
          .limit(pageRowsMax);
        return (
          after === undefined ? page : page.where('certificate_id', '>', after.certificate_id)
        ).execute();
      });
      return rows.map(toAuthority);
    },
    saveCrl: async (tx, crl) => {
      const { numInsertedOrUpdatedRows } = await queriesOf(tx)
        .insertInto('crls')
        .values(crlRow(crl))
        .onConflict((conflict) =>
          conflict
            .column('issuer_id')
            // Not the bytes once more: they may be megabytes.
            .doUpdateSet(({ ref }) => ({
              number: ref('excluded.number'),
              der: ref('excluded.der'),
              this_update_ms: ref('excluded.this_update_ms'),
              next_update_ms: ref('excluded.next_update_ms'),
            }))
            // RFC 5280 §5.2.3: the number only ever rises.
            .where('crls.number', '<', crl.number),
        )
        .executeTakeFirst();
      if (numInsertedOrUpdatedRows === 1n) return;
      throw new StoreError(
        'store.conflict',
        `the issuer has a CRL with number \`${crl.number}\` or a higher one`,
      );
    },
    findCrl: async (issuerId) => {
      const row = await reads
        .selectFrom('crls')
        .select(['issuer_id', 'number', 'der', 'this_update_ms', 'next_update_ms'])
        .where('issuer_id', '=', issuerId)
        .executeTakeFirst();
      return row && toCrl(row);
    },
  };
}

function authorityRow(authority: AuthorityRecord): AuthorityRow {
  return {
    certificate_id: authority.certificateId,
    kind: authority.kind,
    der: authority.der,
    key_name: authority.keyName,
    state: authority.state,
    created_at_ms: authority.createdAtMs,
  };
}

function toAuthority(row: AuthorityRow): AuthorityRecord {
  return {
    certificateId: row.certificate_id,
    kind: row.kind,
    der: row.der,
    keyName: row.key_name,
    state: row.state,
    createdAtMs: row.created_at_ms,
  };
}

function crlRow(crl: CrlRecord): CrlRow {
  return {
    issuer_id: crl.issuerId,
    number: crl.number,
    der: crl.der,
    this_update_ms: crl.thisUpdateMs,
    next_update_ms: crl.nextUpdateMs,
  };
}

function toCrl(row: CrlRow): CrlRecord {
  return {
    issuerId: row.issuer_id,
    number: row.number,
    der: row.der,
    thisUpdateMs: row.this_update_ms,
    nextUpdateMs: row.next_update_ms,
  };
}
