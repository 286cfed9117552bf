import {
  cancelJobExecution,
  getJobExecution,
  jobExecutionStatuses,
  listJobExecutions,
  listThingJobExecutions,
} from '@fleetward/protocol';
import { type Command, Option } from 'commander';
import { addVerb, limit } from '../define.ts';
import { readPages } from '../pages.ts';
import type { Shell } from '../shell.ts';

type Status = (typeof jobExecutionStatuses)[number];

/** The verbs about single things: of a job, and of a thing. */
export function addExecutions(noun: Command, shell: Shell): void {
  addOfJob(noun, shell);
  addOfThing(noun, shell);
  addExecution(noun, shell);
  addCancelExecution(noun, shell);
}

interface Row {
  readonly jobId: string;
  readonly thingName: string;
  readonly status: string;
  readonly executionNumber: number;
  readonly lastUpdatedAtMs: number;
  readonly statusDetails: Readonly<Record<string, string>>;
}

const columns = {
  status: (row: Row) => row.status,
  since: (row: Row) => ({ atMs: row.lastUpdatedAtMs }),
  attempt: (row: Row) => row.executionNumber,
  details: detailsText,
};

function addOfJob(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'executions <job-id>', {
    summary: 'list the things of a job and where each is',
    description: 'Lists the things of a job, where each is, and what its device said.',
    examples: ['fleetward job executions reboot-1 --status FAILED'],
  })
    .addOption(new Option('--status <status>', 'only these').choices(jobExecutionStatuses))
    .addOption(limit())
    .action(async (jobId: string, flags: { status?: Status; limit: number }) => {
      const { items, more } = await withApi((api) =>
        readPages(flags.limit, async (range: { readonly after?: number; readonly limit: number }) => {
          const query = { ...range, ...(flags.status === undefined ? {} : { status: flags.status }) };
          const { executions, next } = await api.call(listJobExecutions, { params: { jobId }, query });
          return { items: executions, next };
        }),
      );
      output.list(items, { thing: (row) => row.thingName, ...columns }, 'none');
      if (more) output.note(`there are more than ${flags.limit}: raise \`--limit\``);
    });
}

function addOfThing(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'of-thing <thing-name>', {
    summary: 'list the jobs of a thing',
    description: 'Lists the jobs that a thing was given and how each went, the newest first.',
    examples: ['fleetward job of-thing pump-23'],
  })
    .addOption(limit())
    .action(async (thingName: string, flags: { limit: number }) => {
      const { items, more } = await withApi((api) =>
        readPages(flags.limit, async ({ after, limit: count }: { after?: number; limit: number }) => {
          const query = { limit: count, ...(after === undefined ? {} : { before: after }) };
          const { executions, next } = await api.call(listThingJobExecutions, {
            params: { thingName },
            query,
          });
          return { items: executions, next };
        }),
      );
      output.list(items, { job: (row) => row.jobId, ...columns }, 'none');
      if (more) output.note(`there are more than ${flags.limit}: raise \`--limit\``);
    });
}

function addExecution(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'execution <job-id> <thing-name>', {
    summary: 'show where one thing is in a job',
    description: 'Shows where one thing is in a job, and what its device said.',
    examples: ['fleetward job execution reboot-1 pump-23'],
  }).action(async (jobId: string, thingName: string) => {
    const params = { jobId, thingName };
    const execution = await withApi((api) => api.call(getJobExecution, { params }));
    output.record(execution, {
      job: jobId,
      thing: thingName,
      status: execution.status,
      attempt: execution.executionNumber,
      version: execution.versionNumber,
      details: detailsText(execution),
      queued: { atMs: execution.queuedAtMs },
      ...(execution.startedAtMs === undefined ? {} : { started: { atMs: execution.startedAtMs } }),
      updated: { atMs: execution.lastUpdatedAtMs },
      ...(execution.stepDueMs === undefined ? {} : { 'step due': { atMs: execution.stepDueMs } }),
    });
  });
}

function addCancelExecution(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'cancel-execution <job-id> <thing-name>', {
    summary: 'cancel a job for one thing',
    description: 'Cancels a job for one thing; the others go on.',
    examples: ['fleetward job cancel-execution reboot-1 pump-23 --force'],
  })
    .option('--force', 'also where the device has begun')
    .action(async (jobId: string, thingName: string, { force }: { force?: boolean }) => {
      const params = { jobId, thingName };
      const body = { isForced: force ?? false };
      const execution = await withApi((api) => api.call(cancelJobExecution, { params, body }));
      output.done(execution, `job \`${jobId}\` is ${execution.status} for \`${thingName}\``);
    });
}

function detailsText({ statusDetails }: Pick<Row, 'statusDetails'>): string {
  return Object.entries(statusDetails)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}
