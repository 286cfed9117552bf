import type { CertificateId } from '@fleetward/core';
import { type ExpressionBuilder, sql } from 'kysely';
import type {
  CertificateFilter,
  CertificateRecord,
  CertificateStore,
  CertificateSummary,
} from '../certificates/store.ts';
import { isForEver } from '../certificates/store.ts';
import { createAuthorityStore } from './authorities.ts';
import { type Database, readsOf } from './database.ts';
import { queriesOf } from './open-transaction.ts';
import { allRows, pageLimit, pageRowsMax } from './paging.ts';
import { rowInserter } from './row-inserter.ts';
import type { CertificateRow, Schema } from './schema.ts';

const summaryColumns = [
  'certificate_id',
  'serial',
  'issuer_id',
  'profile',
  'state',
  'not_before_ms',
  'not_after_ms',
  'issued_at_ms',
  'public_key_hash',
  'revoked_at_ms',
  'revocation_reason',
  'deleted_at_ms',
  'renews',
  'cas_fetched_at_ms',
] as const;
const recordColumns = [...summaryColumns, 'der', 'subject'] as const;

type SummaryRow = Pick<CertificateRow, (typeof summaryColumns)[number]>;

/** Device certificates in the records; authorities and CRLs are in `authorities.ts`. */
export function createCertificateStore(database: Database): CertificateStore {
  const { reads } = database;
  const insertAll = rowInserter('certificates');
  return {
    ...createAuthorityStore(database),
    add: async (tx, certificate) => {
      await queriesOf(tx).insertInto('certificates').values(certificateRow(certificate)).execute();
    },
    addAll: async (tx, certificates) => {
      await insertAll(tx, certificates.map(certificateRow));
    },
    find: async (certificateId, tx) => {
      const row = await readsOf(database, tx)
        .selectFrom('certificates')
        .select(recordColumns)
        .where('certificate_id', '=', certificateId)
        .where('deleted_at_ms', 'is', null)
        .executeTakeFirst();
      return row && toRecord(row);
    },
    findByPublicKey: async (publicKeyHash, tx) => {
      const rows = await readsOf(database, tx)
        .selectFrom('certificates')
        .select(recordColumns)
        .where('public_key_hash', '=', publicKeyHash)
        .where(everUsable)
        .orderBy('certificate_id')
        .limit(pageRowsMax)
        .execute();
      return rows.map(toRecord);
    },
    holdersOf: async (publicKeyHashes, tx) => {
      const found: CertificateSummary[] = [];
      for (let at = 0; at < publicKeyHashes.length; at += pageRowsMax) {
        const rows = await readsOf(database, tx)
          .selectFrom('certificates')
          .select(summaryColumns)
          .where('public_key_hash', 'in', publicKeyHashes.slice(at, at + pageRowsMax))
          .where(everUsable)
          .orderBy('certificate_id')
          .execute();
        found.push(...rows.map(toSummary));
      }
      return found;
    },
    page: async ({ after, limit, filter = {} }) => {
      const rows = await reads
        .selectFrom('certificates')
        .select(recordColumns)
        .where('deleted_at_ms', 'is', null)
        .where(({ and, eb }) => and(conditions(eb, { ...filter, after })))
        .orderBy('certificate_id')
        .limit(pageLimit(limit))
        .execute();
      return rows.map(toRecord);
    },
    summaries: async ({ after, limit }) => {
      const page = reads
        .selectFrom('certificates')
        .select(summaryColumns)
        .orderBy('certificate_id')
        .limit(pageLimit(limit));
      const rows = await (after === undefined ? page : page.where('certificate_id', '>', after)).execute();
      return rows.map(toSummary);
    },
    markDeleted: async (tx, { certificateId, atMs, from }) => {
      const one = queriesOf(tx)
        .updateTable('certificates')
        .set({ deleted_at_ms: atMs })
        .where('certificate_id', '=', certificateId)
        .where('deleted_at_ms', 'is', null);
      const { numUpdatedRows } = await (from === undefined
        ? one
        : one.where('state', '=', from)
      ).executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    setCasFetched: async (tx, { certificateId, atMs }) => {
      await queriesOf(tx)
        .updateTable('certificates')
        .set({ cas_fetched_at_ms: atMs })
        .where('certificate_id', '=', certificateId)
        .execute();
    },
    setState: async (tx, { certificateId, from, to }) => {
      const { numUpdatedRows } = await queriesOf(tx)
        .updateTable('certificates')
        .set({ state: to })
        .where('certificate_id', '=', certificateId)
        .where('state', '=', from)
        .where('deleted_at_ms', 'is', null)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    revoke: async (tx, { certificateId, atMs, reason }) => {
      const { numUpdatedRows } = await queriesOf(tx)
        .updateTable('certificates')
        .set(({ ref }) => ({
          state: 'REVOKED',
          revoked_at_ms: atMs,
          revocation_reason: reason,
          state_before_hold: isForEver(reason) ? null : ref('state'),
        }))
        .where('certificate_id', '=', certificateId)
        .where(({ eb, or }) =>
          or([
            eb('state', '!=', 'REVOKED'),
            ...(isForEver(reason) ? [eb('revocation_reason', '=', 'certificateHold')] : []),
          ]),
        )
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    unhold: async (tx, { certificateId, heldAtMs }) => {
      const row = await queriesOf(tx)
        .selectFrom('certificates')
        .select(['state_before_hold'])
        .where('certificate_id', '=', certificateId)
        .where('state', '=', 'REVOKED')
        .where('revocation_reason', '=', 'certificateHold')
        .where('revoked_at_ms', '<=', heldAtMs)
        .executeTakeFirst();
      const state = row?.state_before_hold ?? undefined;
      if (state === undefined) return undefined;
      const { numUpdatedRows } = await queriesOf(tx)
        .updateTable('certificates')
        .set({ state, revoked_at_ms: null, revocation_reason: null, state_before_hold: null })
        .where('certificate_id', '=', certificateId)
        .where('revocation_reason', '=', 'certificateHold')
        .executeTakeFirst();
      return numUpdatedRows === 1n ? state : undefined;
    },
    revoked: async (issuerId) => {
      const rows = await allRows((after: SummaryRow | undefined) => {
        const page = reads
          .selectFrom('certificates')
          .select(summaryColumns)
          .where('issuer_id', '=', issuerId)
          .where('state', '=', 'REVOKED')
          .where(notActive)
          .orderBy('certificate_id')
          .limit(pageRowsMax);
        return (
          after === undefined ? page : page.where('certificate_id', '>', after.certificate_id)
        ).execute();
      });
      return rows.map(toSummary);
    },
  };
}

/** Not one that was deleted before it ever could speak: it leaves its key to others. */
function everUsable(eb: ExpressionBuilder<Schema, 'certificates'>) {
  return eb.or([eb('deleted_at_ms', 'is', null), eb('state', '<>', 'PENDING_ACTIVATION')]);
}

/** In the words of the index over these few, which no database finds by a parameter. */
function notActive(eb: ExpressionBuilder<Schema, 'certificates'>) {
  return eb('state', '<>', sql.lit('ACTIVE' as const));
}

function conditions(
  eb: ExpressionBuilder<Schema, 'certificates'>,
  wanted: CertificateFilter & { readonly after: CertificateId | undefined },
) {
  const { state, profile, issuerId, certificateIds: ids, endsFromMs, endsBeforeMs, after } = wanted;
  return [
    ...(state === undefined ? [] : [eb('state', '=', state)]),
    ...(state === undefined || state === 'ACTIVE' ? [] : [notActive(eb)]),
    ...(profile === undefined ? [] : [eb('profile', '=', profile)]),
    ...(issuerId === undefined ? [] : [eb('issuer_id', '=', issuerId)]),
    ...(ids === undefined ? [] : [eb.or(ids.map((id) => eb('certificate_id', '=', id)))]),
    ...(endsFromMs === undefined ? [] : [eb('not_after_ms', '>=', endsFromMs)]),
    ...(endsBeforeMs === undefined ? [] : [eb('not_after_ms', '<', endsBeforeMs)]),
    ...(after === undefined ? [] : [eb('certificate_id', '>', after)]),
  ];
}

function certificateRow(certificate: CertificateRecord): CertificateRow {
  return {
    certificate_id: certificate.certificateId,
    serial: certificate.serial,
    issuer_id: certificate.issuerId,
    profile: certificate.profile,
    der: certificate.der,
    subject: certificate.subject,
    state: certificate.state,
    not_before_ms: certificate.notBeforeMs,
    not_after_ms: certificate.notAfterMs,
    issued_at_ms: certificate.issuedAtMs,
    public_key_hash: certificate.publicKeyHash,
    revoked_at_ms: certificate.revokedAtMs ?? null,
    revocation_reason: certificate.revocationReason ?? null,
    state_before_hold: null,
    deleted_at_ms: null,
    renews: certificate.renews ?? null,
    cas_fetched_at_ms: certificate.casFetchedAtMs ?? null,
  };
}

function toRecord(row: Omit<CertificateRow, 'state_before_hold'>): CertificateRecord {
  return { ...toSummary(row), der: row.der, subject: row.subject };
}

function toSummary(row: SummaryRow): CertificateSummary {
  return {
    certificateId: row.certificate_id,
    serial: row.serial,
    issuerId: row.issuer_id,
    profile: row.profile,
    state: row.state,
    notBeforeMs: row.not_before_ms,
    notAfterMs: row.not_after_ms,
    issuedAtMs: row.issued_at_ms,
    publicKeyHash: row.public_key_hash,
    ...(row.revoked_at_ms === null ? {} : { revokedAtMs: row.revoked_at_ms }),
    ...(row.revocation_reason === null ? {} : { revocationReason: row.revocation_reason }),
    ...(row.deleted_at_ms === null ? {} : { deletedAtMs: row.deleted_at_ms }),
    ...(row.renews === null ? {} : { renews: row.renews }),
    ...(row.cas_fetched_at_ms === null ? {} : { casFetchedAtMs: row.cas_fetched_at_ms }),
  };
}
