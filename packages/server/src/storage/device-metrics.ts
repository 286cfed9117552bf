import type { DeviceMetricsStore, ReportHead, ReportSummary, StoredReport } from '../device-metrics/store.ts';
import type { Database } from './database.ts';
import { queriesOf } from './open-transaction.ts';
import { pageLimit, pageRowsMax, storedJson } from './paging.ts';
import { rowInserter, rowReplacer } from './row-inserter.ts';
import type { Schema } from './schema.ts';

type ReportRow = Schema['device_metric_reports'];

const summary = ['thing_name', 'report_id', 'received_at_ms', 'bytes', 'numbers'] as const;
const whole = [...summary, 'report'] as const;

/** Reports of metrics, a row each, and a row a thing of what is known of all of them. */
export function createDeviceMetricsStore(database: Database): DeviceMetricsStore {
  const insert = rowInserter('device_metric_reports');
  const replaceHeads = rowReplacer('device_metric_heads', 'thing_name');
  const ofThing = (thingName: ReportSummary['thingName']) =>
    database.reads.selectFrom('device_metric_reports').where('thing_name', '=', thingName);
  return {
    registered: async (tx, names) => {
      if (names.length === 0) return [];
      const rows = await queriesOf(tx)
        .selectFrom('things')
        .select('name')
        .where('name', 'in', names.slice(0, pageRowsMax))
        .execute();
      return rows.map(({ name }) => name);
    },
    heads: async (tx, names) => {
      if (names.length === 0) return [];
      const rows = await queriesOf(tx)
        .selectFrom('device_metric_heads')
        .select(['thing_name', 'report_id', 'received_at_ms', 'reports', 'bytes'])
        .where('thing_name', 'in', names.slice(0, pageRowsMax))
        .execute();
      return rows.map(toHead);
    },
    saveHeads: (tx, heads) => replaceHeads(tx, heads.map(toHeadRow)),
    add: (tx, reports) => insert(tx, reports.map(toRow)),
    oldest: async (tx, thingName, limit) => {
      const rows = await queriesOf(tx)
        .selectFrom('device_metric_reports')
        .select(['report_id', 'bytes'])
        .where('thing_name', '=', thingName)
        .orderBy('report_id')
        .limit(pageLimit(limit))
        .execute();
      return rows.map(({ report_id, bytes }) => ({ thingName, reportId: report_id, bytes }));
    },
    receivedBefore: async (tx, beforeMs, limit) => {
      const rows = await queriesOf(tx)
        .selectFrom('device_metric_reports')
        .select(['thing_name', 'report_id', 'bytes'])
        .where('received_at_ms', '<', beforeMs)
        .orderBy('received_at_ms')
        .limit(pageLimit(limit))
        .execute();
      return rows.map((row) => ({
        thingName: row.thing_name,
        reportId: row.report_id,
        bytes: row.bytes,
      }));
    },
    remove: async (tx, thingName, reportIds) => {
      if (reportIds.length === 0) return;
      await queriesOf(tx)
        .deleteFrom('device_metric_reports')
        .where('thing_name', '=', thingName)
        .where('report_id', 'in', [...reportIds])
        .execute();
    },
    forget: async (tx, thingName) => {
      const queries = queriesOf(tx);
      await queries.deleteFrom('device_metric_reports').where('thing_name', '=', thingName).execute();
      await queries.deleteFrom('device_metric_heads').where('thing_name', '=', thingName).execute();
    },
    find: async (thingName, reportId) => {
      const row = await ofThing(thingName).select(whole).where('report_id', '=', reportId).executeTakeFirst();
      return row && toReport(row);
    },
    newest: async (thingName) => {
      const row = await ofThing(thingName)
        .select(whole)
        .orderBy('report_id', 'desc')
        .limit(1)
        .executeTakeFirst();
      return row && toReport(row);
    },
    list: async (thingName, { fromMs, toMs, before, limit }) => {
      const rows = await ofThing(thingName)
        .select(summary)
        .where('report_id', '<=', before === undefined ? Number.MAX_SAFE_INTEGER : before - 1)
        .where('received_at_ms', '>=', fromMs)
        .where('received_at_ms', '<', toMs)
        .orderBy('report_id', 'desc')
        .limit(pageLimit(limit))
        .execute();
      return rows.map(toSummary);
    },
    numbers: async (thingName, { fromMs, toMs, after = -1, limit }) => {
      const rows = await ofThing(thingName)
        .select(['report_id', 'received_at_ms', 'numbers'])
        .where('report_id', '>', after)
        .where('received_at_ms', '>=', fromMs)
        .where('received_at_ms', '<', toMs)
        .orderBy('report_id')
        .limit(pageLimit(limit))
        .execute();
      return rows.map((row) => ({
        reportId: row.report_id,
        receivedAtMs: row.received_at_ms,
        numbers: storedJson(row.numbers, isNumbers),
      }));
    },
  };
}

function toRow({ thingName, reportId, receivedAtMs, bytes, numbers, report }: StoredReport): ReportRow {
  return {
    thing_name: thingName,
    report_id: reportId,
    received_at_ms: receivedAtMs,
    bytes,
    numbers: JSON.stringify(numbers),
    report: JSON.stringify(report),
  };
}

function toSummary(row: Omit<ReportRow, 'report'>): ReportSummary {
  return {
    thingName: row.thing_name,
    reportId: row.report_id,
    receivedAtMs: row.received_at_ms,
    bytes: row.bytes,
    numbers: storedJson(row.numbers, isNumbers),
  };
}

function toReport(row: ReportRow): StoredReport {
  return { ...toSummary(row), report: storedJson(row.report, isReport) };
}

function toHead(row: Schema['device_metric_heads']): ReportHead {
  return {
    thingName: row.thing_name,
    reportId: row.report_id,
    receivedAtMs: row.received_at_ms,
    reports: row.reports,
    bytes: row.bytes,
  };
}

function toHeadRow(head: ReportHead): Schema['device_metric_heads'] {
  return {
    thing_name: head.thingName,
    report_id: head.reportId,
    received_at_ms: head.receivedAtMs,
    reports: head.reports,
    bytes: head.bytes,
  };
}

// This platform wrote both; their shape is enough to know that nothing else did.

function isNumbers(value: unknown): value is ReportSummary['numbers'] {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((number) => typeof number === 'number')
  );
}

function isReport(value: unknown): value is StoredReport['report'] {
  return typeof value === 'object' && value !== null && 'header' in value;
}
