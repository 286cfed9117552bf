import type { SchemaModule } from 'kysely';
import type { ColumnTypes } from '../column-types.ts';
import { index, table } from './tables.ts';

/** What devices are told to do, and where each thing is in each job. */
export const jobs = { name: '0025-jobs', up };

async function up(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await table(schema, 'jobs', types, [
    'job_id text',
    'definition text',
    'document text',
    'state text',
    'is_forced integer',
    'paced_from_ms integer',
    'because text?',
    'created_at_ms integer',
    'created_by text',
    'ended_at_ms integer?',
  ])
    .addPrimaryKeyConstraint('jobs_key', ['job_id'])
    .execute();
  await table(schema, 'job_executions', types, [
    'job_id text',
    'thing_name text',
    'position integer',
    'status text',
    'status_details text',
    'execution_number integer',
    'version_number integer',
    'failures integer',
    'time_outs integer',
    'queued_at_ms integer',
    'started_at_ms integer?',
    'updated_at_ms integer',
    'step_due_ms integer?',
  ])
    .addPrimaryKeyConstraint('job_executions_key', ['job_id', 'thing_name'])
    .addForeignKeyConstraint('job_executions_job', ['job_id'], 'jobs', ['job_id'])
    .execute();
  // Pages of a job, of those in one status, and of a thing, in the order in which they were taken in.
  await index(schema, 'job_executions', ['job_id', 'position']);
  await index(schema, 'job_executions', ['job_id', 'status', 'position']);
  await index(schema, 'job_executions', ['thing_name', 'position']);
  await index(schema, 'job_executions', ['position']);
}
