import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';
import { index, table } from './tables.ts';

/** What devices report of themselves. */
export const deviceMetrics = { name: '0030-device-metrics', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  // What makes a row long is last: lists are read without it.
  await table(schema, 'device_metric_reports', types, [
    'thing_name text',
    'report_id integer',
    'received_at_ms integer',
    'bytes integer',
    'numbers text',
    'report text',
  ])
    .addPrimaryKeyConstraint('device_metric_reports_key', ['thing_name', 'report_id'])
    .execute();
  await index(schema, 'device_metric_reports', ['received_at_ms']);
  await table(schema, 'device_metric_heads', types, [
    'thing_name text',
    'report_id integer',
    'received_at_ms integer',
    'reports integer',
    'bytes integer',
  ])
    .addPrimaryKeyConstraint('device_metric_heads_key', ['thing_name'])
    .execute();
}
