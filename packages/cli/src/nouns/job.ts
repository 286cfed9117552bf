import { setTimeout as pause } from 'node:timers/promises';
import { cancelJob, createJob, deleteJob, getJob, listJobs, type Part } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import { readOperatorNames } from '../operator-names.ts';
import { readInput } from '../read-input.ts';
import type { Shell } from '../shell.ts';
import { addExecutions } from './job-executions.ts';
import { addJobOptions, documentBytesMax, type JobFlags, jobBody } from './job-terms.ts';

type Job = Omit<Part<(typeof getJob)['answer']>, 'document'>;

const watchPauseMs = 1_000;

/** `fleetward job …`: tells things what to do. */
export function addJob(noun: Command, shell: Shell): void {
  addCreate(noun, shell);
  addList(noun, shell);
  addShow(noun, shell);
  addWatch(noun, shell);
  addCancel(noun, shell);
  addDelete(noun, shell);
  addExecutions(noun, shell);
}

function addCreate(noun: Command, { output, withApi, terminal }: Shell): void {
  const verb = addVerb(noun, 'create', {
    summary: 'give things a job',
    description:
      'Gives things, or groups, a job with a document that their devices understand. Its roll-out begins at once, at its rate.',
    examples: [
      'echo \'{"operation":"reboot"}\' | fleetward job create --id reboot-1 --document - --thing pump-23',
      'fleetward job create --document rotate.json --group building-7 --continuous --rate 10/min --rate-max 500/min --rate-factor 2 --rate-increase-after 50 --abort 5%/20 --time-out 30m --retries-failed 3',
    ],
  });
  addJobOptions(verb).action(async (flags: JobFlags) => {
    const bytes = await readInput(flags.document, { terminal, bytesMax: documentBytesMax });
    const body = jobBody(flags, bytes);
    const job = await withApi((api) => api.call(createJob, { body }));
    output.done(job, `job \`${job.jobId}\` is ${job.state}`);
    output.note(`next: \`fleetward job watch ${job.jobId}\``);
  });
}

function addList(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'list', {
    summary: 'list the jobs',
    description: 'Lists the jobs, the newest first.',
    examples: ['fleetward job list'],
  }).action(async () => {
    const { jobs } = await withApi((api) => api.call(listJobs));
    output.list(
      jobs,
      {
        job: (row) => row.jobId,
        state: (row) => row.state,
        for: targetText,
        progress: progressText,
        description: (row) => row.description,
        made: (row) => ({ atMs: row.createdAtMs }),
      },
      'no jobs',
    );
  });
}

function addShow(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'show <job-id>', {
    summary: 'show a job, its document, and how far it is',
    description: 'Shows a job, its document, how far it is, and why it was cancelled if it was.',
    examples: ['fleetward job show reboot-1'],
  }).action(async (jobId: string) => {
    const [job, nameOf] = await withApi((api) =>
      Promise.all([api.call(getJob, { params: { jobId } }), readOperatorNames(api)]),
    );
    output.record(job, {
      job: jobId,
      state: job.state,
      ...(job.because === undefined ? {} : { because: job.because }),
      ...(job.description === '' ? {} : { description: job.description }),
      document: JSON.stringify(job.document),
      for: job.campaignId === undefined ? targetText(job) : `what campaign ${job.campaignId} offers`,
      rate: `${job.ratePerMinute}/min`,
      progress: progressText(job),
      made: { atMs: job.createdAtMs },
      by: nameOf(job.createdBy),
      ...(job.endedAtMs === undefined ? {} : { ended: { atMs: job.endedAtMs } }),
    });
  });
}

function addWatch(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'watch <job-id>', {
    summary: 'follow a job until it is over',
    description: 'Tells how far a job is, whenever it got further, until it is over.',
    examples: ['fleetward job watch reboot-1'],
  }).action(async (jobId: string) => {
    let before = '';
    await withApi(async (api) => {
      for (;;) {
        const job = await api.call(getJob, { params: { jobId } });
        const text = `${job.state}${job.because === undefined ? '' : ` (${job.because})`}: ${progressText(job)}`;
        if (text !== before) output.done(job, text);
        before = text;
        if (job.endedAtMs !== undefined) return;
        await pause(watchPauseMs);
      }
    });
  });
}

function addCancel(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'cancel <job-id>', {
    summary: 'cancel a job: nobody begins it any more',
    description:
      'Cancels a job. Nobody begins it any more; devices that have begun go on, unless it is forced.',
    examples: [
      'fleetward job cancel reboot-1',
      'fleetward job cancel reboot-1 --force --because "wrong file"',
    ],
  })
    .option('--force', 'devices that have begun do not go on either')
    .option('--because <text>', 'why, for whoever looks at it later')
    .action(async (jobId: string, { force, because }: { force?: boolean; because?: string }) => {
      const body = { isForced: force ?? false, ...(because === undefined ? {} : { because }) };
      const job = await withApi((api) => api.call(cancelJob, { params: { jobId }, body }));
      output.done(job, `job \`${jobId}\` is ${job.state}`);
    });
}

function addDelete(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'delete <job-id>', {
    summary: 'remove a job that is over',
    description: 'Removes a job that is over with all that is known of its executions.',
    examples: ['fleetward job delete reboot-1'],
  })
    .option('--force', 'also one that is not over: devices that have begun do not go on')
    .action(async (jobId: string, { force }: { force?: boolean }) => {
      const query = force === undefined ? {} : { isForced: force };
      await withApi((api) => api.call(deleteJob, { params: { jobId }, query }));
      output.done({ jobId }, `job \`${jobId}\` is being removed`);
    });
}

function targetText({ target }: Job): string {
  const { thingNames, groupNames, isContinuous } = target;
  const things = thingNames.length > 3 ? [`${thingNames.length} things`] : thingNames;
  return [
    ...groupNames.map((name) => `group ${name}`),
    ...things,
    ...(isContinuous ? ['continuous'] : []),
  ].join(', ');
}

/** One line: `3 of 20 succeeded, 1 failed, 2 under way, 10 queued, 4 waiting`. */
function progressText({ things, counts }: Pick<Job, 'things' | 'counts'>): string {
  const of = (...statuses: readonly string[]) =>
    statuses.reduce((sum, status) => sum + (counts[status] ?? 0), 0);
  const some = (count: number, what: string) => (count === 0 ? [] : [`${count} ${what}`]);
  return [
    `${of('SUCCEEDED')} of ${things} succeeded`,
    ...some(of('FAILED', 'TIMED_OUT', 'REJECTED'), 'failed'),
    ...some(of('CANCELED', 'REMOVED'), 'let go'),
    `${of('IN_PROGRESS')} under way`,
    `${of('QUEUED')} queued`,
    ...some(of('WAITING'), 'waiting'),
  ].join(', ');
}
