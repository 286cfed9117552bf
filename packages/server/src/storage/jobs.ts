import type { ExecutionCounts, Job, JobDefinition, JobExecution, JobStore } from '../jobs/store.ts';
import type { Database } from './database.ts';
import { queriesOf } from './open-transaction.ts';
import { allRows, pageLimit, pageRowsMax, storedJson } from './paging.ts';
import type { JobExecutionRow, JobRow } from './schema.ts';

const jobColumns = [
  'job_id',
  'definition',
  'document',
  'state',
  'is_forced',
  'paced_from_ms',
  'because',
  'created_at_ms',
  'created_by',
  'ended_at_ms',
] as const;
const executionColumns = [
  'job_id',
  'thing_name',
  'position',
  'status',
  'status_details',
  'execution_number',
  'version_number',
  'failures',
  'time_outs',
  'queued_at_ms',
  'started_at_ms',
  'updated_at_ms',
  'step_due_ms',
] as const;
/** Rows of one INSERT. */
const chunkSize = 500;

/** Jobs and their executions in the records. */
export function createJobStore({ reads }: Database): JobStore {
  const executions = () => reads.selectFrom('job_executions').select(executionColumns);
  return {
    add: async (tx, job) => {
      await queriesOf(tx).insertInto('jobs').values(jobRow(job)).execute();
    },
    update: async (tx, job) => {
      const { job_id, definition: _definition, document: _document, ...changed } = jobRow(job);
      await queriesOf(tx).updateTable('jobs').set(changed).where('job_id', '=', job_id).execute();
    },
    remove: async (tx, { jobId, executionsMax }) => {
      const queries = queriesOf(tx);
      const some = queries
        .selectFrom('job_executions')
        .select('position')
        .where('job_id', '=', jobId)
        .orderBy('position')
        .limit(executionsMax);
      const { numDeletedRows } = await queries
        .deleteFrom('job_executions')
        .where('position', 'in', some)
        .executeTakeFirst();
      if (Number(numDeletedRows) === executionsMax) return false;
      await queries.deleteFrom('jobs').where('job_id', '=', jobId).execute();
      return true;
    },
    jobs: async () => {
      const rows = await allRows((after: JobRow | undefined) => {
        const page = reads.selectFrom('jobs').select(jobColumns).orderBy('job_id').limit(pageRowsMax);
        return (after === undefined ? page : page.where('job_id', '>', after.job_id)).execute();
      });
      return rows.map(toJob).toSorted((a, b) => b.createdAtMs - a.createdAtMs);
    },
    job: async (jobId) => {
      const row = await reads
        .selectFrom('jobs')
        .select(jobColumns)
        .where('job_id', '=', jobId)
        .executeTakeFirst();
      return row && toJob(row);
    },
    saveExecutions: async (tx, saved) => {
      for (let at = 0; at < saved.length; at += chunkSize)
        await queriesOf(tx)
          .insertInto('job_executions')
          .values(saved.slice(at, at + chunkSize).map(executionRow))
          .onConflict((conflict) =>
            conflict
              .columns(['job_id', 'thing_name'])
              .doUpdateSet((eb) => ({
                status: eb.ref('excluded.status'),
                status_details: eb.ref('excluded.status_details'),
                execution_number: eb.ref('excluded.execution_number'),
                version_number: eb.ref('excluded.version_number'),
                failures: eb.ref('excluded.failures'),
                time_outs: eb.ref('excluded.time_outs'),
                queued_at_ms: eb.ref('excluded.queued_at_ms'),
                started_at_ms: eb.ref('excluded.started_at_ms'),
                updated_at_ms: eb.ref('excluded.updated_at_ms'),
                step_due_ms: eb.ref('excluded.step_due_ms'),
              }))
              // What was decided upon an older version has come too late.
              .whereRef('excluded.version_number', '>', 'job_executions.version_number'),
          )
          .execute();
    },
    executions: async ({ jobId, status, after, limit }) => {
      let page = executions().where('job_id', '=', jobId).orderBy('position').limit(pageLimit(limit));
      if (status !== undefined) page = page.where('status', '=', status);
      if (after !== undefined) page = page.where('position', '>', after);
      return (await page.execute()).map(toExecution);
    },
    executionsOf: async ({ thingName, before, limit }) => {
      let page = executions()
        .where('thing_name', '=', thingName)
        .orderBy('position', 'desc')
        .limit(pageLimit(limit));
      if (before !== undefined) page = page.where('position', '<', before);
      return (await page.execute()).map(toExecution);
    },
    execution: async (jobId, thingName) => {
      const row = await executions()
        .where('job_id', '=', jobId)
        .where('thing_name', '=', thingName)
        .executeTakeFirst();
      return row && toExecution(row);
    },
    lastPosition: async () => {
      const row = await reads
        .selectFrom('job_executions')
        .select('position')
        .orderBy('position', 'desc')
        .limit(1)
        .executeTakeFirst();
      return row?.position ?? 0;
    },
    counts: async (jobId): Promise<ExecutionCounts> => {
      const rows = await reads
        .selectFrom('job_executions')
        .select((eb) => ['status', eb.fn.countAll().as('count')])
        .where('job_id', '=', jobId)
        .groupBy('status')
        .execute();
      return new Map(rows.map(({ status, count }) => [status, Number(count)]));
    },
  };
}

function jobRow(job: Job): JobRow {
  const { description, target, rate, abort, inProgressMinutes, retries, campaignId } = job;
  return {
    job_id: job.jobId,
    definition: JSON.stringify({ description, target, rate, abort, inProgressMinutes, retries, campaignId }),
    document: job.document,
    state: job.state,
    is_forced: job.isForced ? 1 : 0,
    paced_from_ms: job.pacedFromMs,
    because: job.because ?? null,
    created_at_ms: job.createdAtMs,
    created_by: job.createdBy,
    ended_at_ms: job.endedAtMs ?? null,
  };
}

function toJob(row: JobRow): Job {
  return {
    // As `jobRow` wrote it.
    ...(storedJson(row.definition, isObject) as JobDefinition),
    jobId: row.job_id,
    document: row.document,
    state: row.state,
    isForced: row.is_forced === 1,
    pacedFromMs: row.paced_from_ms,
    createdAtMs: row.created_at_ms,
    createdBy: row.created_by,
    ...(row.because === null ? {} : { because: row.because }),
    ...(row.ended_at_ms === null ? {} : { endedAtMs: row.ended_at_ms }),
  };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function executionRow(execution: JobExecution): JobExecutionRow {
  return {
    job_id: execution.jobId,
    thing_name: execution.thingName,
    position: execution.position,
    status: execution.status,
    status_details: JSON.stringify(execution.statusDetails),
    execution_number: execution.executionNumber,
    version_number: execution.versionNumber,
    failures: execution.failures,
    time_outs: execution.timeOuts,
    queued_at_ms: execution.queuedAtMs,
    started_at_ms: execution.startedAtMs ?? null,
    updated_at_ms: execution.lastUpdatedAtMs,
    step_due_ms: execution.stepDueMs ?? null,
  };
}

function toExecution(row: JobExecutionRow): JobExecution {
  return {
    jobId: row.job_id,
    thingName: row.thing_name,
    position: row.position,
    status: row.status,
    statusDetails: storedJson(row.status_details, isObject) as JobExecution['statusDetails'],
    executionNumber: row.execution_number,
    versionNumber: row.version_number,
    failures: row.failures,
    timeOuts: row.time_outs,
    queuedAtMs: row.queued_at_ms,
    lastUpdatedAtMs: row.updated_at_ms,
    ...(row.started_at_ms === null ? {} : { startedAtMs: row.started_at_ms }),
    ...(row.step_due_ms === null ? {} : { stepDueMs: row.step_due_ms }),
  };
}
