import type { RegistrationCode, VendorCaRecord, VendorCaStore } from '../vendor-cas/store.ts';
import type { Database } from './database.ts';
import { queriesOf } from './open-transaction.ts';
import { allRows, pageRowsMax } from './paging.ts';
import type { Schema } from './schema.ts';

type CaRow = Schema['vendor_cas'];
type CodeRow = Schema['vendor_ca_codes'];

const columns = [
  'certificate_id',
  'der',
  'public_key_hash',
  'state',
  'template_name',
  'created_at_ms',
  'created_by',
] as const;

/** The CAs of vendors, and the codes with which one is registered, in the records. */
export function createVendorCaStore({ reads }: Database): VendorCaStore {
  return {
    ...codeQueries,
    countCodes: async (atMs) => {
      const { count } = await reads
        .selectFrom('vendor_ca_codes')
        .select((eb) => eb.fn.countAll<number | string | bigint>().as('count'))
        .where('expires_at_ms', '>', atMs)
        .executeTakeFirstOrThrow();
      return Number(count);
    },
    add: async (tx, ca) => {
      await queriesOf(tx).insertInto('vendor_cas').values(caRow(ca)).execute();
    },
    setCertificate: async (tx, { certificateId, der }) => {
      await queriesOf(tx)
        .updateTable('vendor_cas')
        .set({ der })
        .where('certificate_id', '=', certificateId)
        .execute();
    },
    setState: async (tx, { certificateId, state }) => {
      const { numUpdatedRows } = await queriesOf(tx)
        .updateTable('vendor_cas')
        .set({ state })
        .where('certificate_id', '=', certificateId)
        .where('state', '!=', state)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    remove: async (tx, certificateId) => {
      const { numDeletedRows } = await queriesOf(tx)
        .deleteFrom('vendor_cas')
        .where('certificate_id', '=', certificateId)
        .where('state', '=', 'inactive')
        .executeTakeFirst();
      return numDeletedRows === 1n;
    },
    all: async () => {
      const rows = await allRows((after: CaRow | undefined) => {
        const page = reads
          .selectFrom('vendor_cas')
          .select(columns)
          .orderBy('certificate_id')
          .limit(pageRowsMax);
        return (
          after === undefined ? page : page.where('certificate_id', '>', after.certificate_id)
        ).execute();
      });
      return rows.map(toCa);
    },
  };
}

const codeQueries: Pick<VendorCaStore, 'addCode' | 'takeCode' | 'removeEndedCodes'> = {
  addCode: async (tx, code) => {
    await queriesOf(tx).insertInto('vendor_ca_codes').values(codeRow(code)).execute();
  },
  takeCode: async (tx, { hash, atMs }) => {
    const { numDeletedRows } = await queriesOf(tx)
      .deleteFrom('vendor_ca_codes')
      .where('hash', '=', hash)
      .where('expires_at_ms', '>', atMs)
      .executeTakeFirst();
    return numDeletedRows === 1n;
  },
  removeEndedCodes: async (tx, atMs) => {
    const queries = queriesOf(tx);
    await queries.deleteFrom('vendor_ca_codes').where('expires_at_ms', '<=', atMs).execute();
    const { count } = await queries
      .selectFrom('vendor_ca_codes')
      .select((eb) => eb.fn.countAll<number | string | bigint>().as('count'))
      .executeTakeFirstOrThrow();
    return Number(count);
  },
};

function caRow(ca: VendorCaRecord): CaRow {
  return {
    certificate_id: ca.certificateId,
    der: ca.der,
    public_key_hash: ca.publicKeyHash,
    state: ca.state,
    template_name: ca.templateName ?? null,
    created_at_ms: ca.createdAtMs,
    created_by: ca.createdBy,
  };
}

function toCa(row: CaRow): VendorCaRecord {
  return {
    certificateId: row.certificate_id,
    der: row.der,
    publicKeyHash: row.public_key_hash,
    state: row.state,
    ...(row.template_name === null ? {} : { templateName: row.template_name }),
    createdAtMs: row.created_at_ms,
    createdBy: row.created_by,
  };
}

function codeRow({ hash, createdAtMs, expiresAtMs, createdBy }: RegistrationCode): CodeRow {
  return { hash, created_at_ms: createdAtMs, expires_at_ms: expiresAtMs, created_by: createdBy };
}
