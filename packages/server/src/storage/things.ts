import type { JsonObject } from '@fleetward/core';
import type { CertificateAttachment, DeviceReport, Thing, ThingStore } from '../things/store.ts';
import { type Database, readsOf } from './database.ts';
import { queriesOf } from './open-transaction.ts';
import { allRows, isTexts, pageLimit, pageRowsMax, storedJson } from './paging.ts';
import { rowInserter } from './row-inserter.ts';
import type { Schema, ThingRow } from './schema.ts';

const thingColumns = ['name', 'type_name', 'attributes', 'tags', 'state', 'created_at_ms'] as const;
type AttachmentRow = Schema['thing_certificates'];
type ReportRow = Schema['device_reports'];
type PastRow = Schema['past_thing_certificates'];

/** Things, their certificates and their last reports in the records. */
export function createThingStore(database: Database): ThingStore {
  const { reads } = database;
  const insertThings = rowInserter('things');
  return {
    add: async (tx, thing) => {
      await queriesOf(tx).insertInto('things').values(thingRow(thing)).execute();
    },
    addAll: (tx, things) => insertThings(tx, things.map(thingRow)),
    find: async (name, tx) => {
      const row = await readsOf(database, tx)
        .selectFrom('things')
        .select(thingColumns)
        .where('name', '=', name)
        .executeTakeFirst();
      return row && toThing(row);
    },
    update: async (tx, { name, ...thing }) => {
      const { numUpdatedRows } = await queriesOf(tx)
        .updateTable('things')
        .set({
          type_name: thing.typeName ?? null,
          attributes: JSON.stringify(thing.attributes),
          tags: JSON.stringify(thing.tags),
        })
        .where('name', '=', name)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    setState: async (tx, { name, from, to }) => {
      const { numUpdatedRows } = await queriesOf(tx)
        .updateTable('things')
        .set({ state: to })
        .where('name', '=', name)
        .where('state', '=', from)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    remove: async (tx, name) => {
      const queries = queriesOf(tx);
      await queries.deleteFrom('device_reports').where('thing_name', '=', name).execute();
      const { numDeletedRows } = await queries
        .deleteFrom('things')
        .where('name', '=', name)
        .executeTakeFirst();
      return numDeletedRows === 1n;
    },
    page: async ({ after, limit }) => {
      const page = reads.selectFrom('things').select(thingColumns).orderBy('name').limit(pageLimit(limit));
      const rows = await (after === undefined ? page : page.where('name', '>', after)).execute();
      return rows.map(toThing);
    },
    attach: async (tx, attachment) => {
      const exclusive = attachment.exclusive ? 1 : 0;
      await queriesOf(tx)
        .insertInto('thing_certificates')
        .values({
          thing_name: attachment.thingName,
          certificate_id: attachment.certificateId,
          exclusive,
        })
        .onConflict((conflict) =>
          conflict.columns(['thing_name', 'certificate_id']).doUpdateSet({ exclusive }),
        )
        .execute();
    },
    detach: async (tx, { thingName, certificateId }) => {
      const queries = queriesOf(tx);
      const { numDeletedRows } = await queries
        .deleteFrom('thing_certificates')
        .where('thing_name', '=', thingName)
        .where('certificate_id', '=', certificateId)
        .executeTakeFirst();
      if (numDeletedRows !== 1n) return false;
      await queries
        .insertInto('past_thing_certificates')
        .values({ thing_name: thingName, certificate_id: certificateId })
        .onConflict((conflict) => conflict.columns(['thing_name', 'certificate_id']).doNothing())
        .execute();
      return true;
    },
    pastAttachments: async () => {
      const rows = await allRows((after: PastRow | undefined) => {
        const page = reads
          .selectFrom('past_thing_certificates')
          .select(['thing_name', 'certificate_id'])
          .orderBy('thing_name')
          .orderBy('certificate_id')
          .limit(pageRowsMax);
        if (after === undefined) return page.execute();
        return page
          .where((eb) =>
            eb(
              eb.refTuple('thing_name', 'certificate_id'),
              '>',
              eb.tuple(after.thing_name, after.certificate_id),
            ),
          )
          .execute();
      });
      return rows.map((row) => ({ thingName: row.thing_name, certificateId: row.certificate_id }));
    },
    attachments: async () => {
      const rows = await allRows((after: AttachmentRow | undefined) => {
        const page = reads
          .selectFrom('thing_certificates')
          .select(['thing_name', 'certificate_id', 'exclusive'])
          .orderBy('thing_name')
          .orderBy('certificate_id')
          .limit(pageRowsMax);
        if (after === undefined) return page.execute();
        return page
          .where((eb) =>
            eb(
              eb.refTuple('thing_name', 'certificate_id'),
              '>',
              eb.tuple(after.thing_name, after.certificate_id),
            ),
          )
          .execute();
      });
      return rows.map(toAttachment);
    },
    saveReport: async (tx, { thingName, receivedAtMs, report }) => {
      const newest = { received_at_ms: receivedAtMs, report: JSON.stringify(report) };
      await queriesOf(tx)
        .insertInto('device_reports')
        .values({ thing_name: thingName, ...newest })
        .onConflict((conflict) => conflict.column('thing_name').doUpdateSet(newest))
        .execute();
    },
    findReport: async (name) => {
      const row = await reads
        .selectFrom('device_reports')
        .select(['thing_name', 'received_at_ms', 'report'])
        .where('thing_name', '=', name)
        .executeTakeFirst();
      return row && toReport(row);
    },
    reports: async ({ after, limit }) => {
      const page = reads
        .selectFrom('device_reports')
        .select(['thing_name', 'received_at_ms', 'report'])
        .orderBy('thing_name')
        .limit(pageLimit(limit));
      const rows = await (after === undefined ? page : page.where('thing_name', '>', after)).execute();
      return rows.map(toReport);
    },
  };
}

function thingRow(thing: Thing): ThingRow {
  return {
    name: thing.name,
    type_name: thing.typeName ?? null,
    attributes: JSON.stringify(thing.attributes),
    tags: JSON.stringify(thing.tags),
    state: thing.state,
    created_at_ms: thing.createdAtMs,
  };
}

function toThing(row: ThingRow): Thing {
  const thing: Thing = {
    name: row.name,
    attributes: storedJson(row.attributes, isTexts),
    tags: storedJson(row.tags, isTexts),
    state: row.state,
    createdAtMs: row.created_at_ms,
  };
  return row.type_name === null ? thing : { ...thing, typeName: row.type_name };
}

function toAttachment(row: AttachmentRow): CertificateAttachment {
  return {
    thingName: row.thing_name,
    certificateId: row.certificate_id,
    exclusive: row.exclusive === 1,
  };
}

function toReport(row: ReportRow): DeviceReport {
  return {
    thingName: row.thing_name,
    receivedAtMs: row.received_at_ms,
    report: storedJson(row.report, isObject),
  };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
