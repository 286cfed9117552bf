import { Type } from 'typebox';
import { defineRoute } from '../route.ts';
import { timeMs } from './fields.ts';
import { groupNameSchema, pageLimit, thingNameSchema } from './names.ts';
import { abortRuleSchema, rateSchema } from './rollout.ts';

const closed = { additionalProperties: false };
const count = Type.Integer({ minimum: 0 });
const jobId = Type.String({ pattern: '^[a-zA-Z0-9_-]{1,64}$' });

/** Where a thing is in a job; `WAITING` until the roll-out has come to it, the last six are ends. */
export const jobExecutionStatuses = [
  'WAITING',
  'QUEUED',
  'IN_PROGRESS',
  'SUCCEEDED',
  'FAILED',
  'TIMED_OUT',
  'REJECTED',
  'REMOVED',
  'CANCELED',
] as const;
const status = Type.Enum([...jobExecutionStatuses], {
  description: '`WAITING` until the roll-out has come to the thing; the last six are ends.',
});

const rate = rateSchema({ perMinuteMax: 1_000, what: 'Things that are given the job a minute' });
const abortRule = abortRuleSchema(
  'Of at least `executedMin` things that ended, so many ended so: the job is cancelled.',
);

const retry = Type.Integer({ minimum: 0, maximum: 10 });
const retries = Type.Object(
  { failed: Type.Optional(retry), timedOut: Type.Optional(retry) },
  { ...closed, description: 'Executions more after one that failed, or timed out; together at most 10.' },
);

const terms = {
  description: Type.String({ maxLength: 2_028 }),
  rate,
  abort: Type.Array(abortRule, { maxItems: 10 }),
  inProgressMinutes: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 10_080,
      description: 'From the start to the end of one execution; else it may take for ever.',
    }),
  ),
};

const document = Type.Record(Type.String(), Type.Unknown(), {
  description: 'What devices are to do: any JSON object that they understand.',
});

const jobFields = {
  jobId,
  ...terms,
  target: Type.Object({
    thingNames: Type.Array(thingNameSchema),
    groupNames: Type.Array(groupNameSchema),
    isContinuous: Type.Boolean(),
  }),
  retries: Type.Object({ failed: count, timedOut: count }),
  state: Type.Enum(['SCHEDULED', 'IN_PROGRESS', 'CANCELED', 'COMPLETED', 'DELETION_IN_PROGRESS'], {
    description: '`SCHEDULED` while its things are taken in.',
  }),
  isForced: Type.Boolean({ description: 'Whether its end stopped what was under way too.' }),
  because: Type.Optional(Type.String({ description: 'Why it was cancelled.' })),
  ratePerMinute: Type.Integer({ minimum: 1, description: 'The rate now.' }),
  things: count,
  counts: Type.Record(Type.String(), count, { description: 'Things by their status; none: 0.' }),
  createdAtMs: timeMs,
  createdBy: Type.String(),
  endedAtMs: Type.Optional(timeMs),
  campaignId: Type.Optional(Type.String({ description: 'The campaign that leads it.' })),
};
const job = Type.Object(jobFields);
const jobWithDocument = Type.Object({ ...jobFields, document });

const execution = Type.Object({
  jobId,
  thingName: thingNameSchema,
  status,
  statusDetails: Type.Record(Type.String(), Type.String()),
  position: Type.Integer({ minimum: 1, description: 'The order in which things were taken in.' }),
  executionNumber: Type.Integer({ minimum: 1, description: '1 for the first attempt.' }),
  versionNumber: count,
  queuedAtMs: timeMs,
  startedAtMs: Type.Optional(timeMs),
  lastUpdatedAtMs: timeMs,
  stepDueMs: Type.Optional(timeMs),
});
const executionPage = Type.Object({
  executions: Type.Array(execution),
  next: Type.Optional(Type.Integer()),
});

const noun = 'jobs';
const access = 'operator';
const params = Type.Object({ jobId });
const executionParams = Type.Object({ jobId, thingName: thingNameSchema });
const isForced = Type.Optional(Type.Boolean({ description: 'Also what is under way.' }));

export const createJob = defineRoute({
  method: 'POST',
  path: '/v1/jobs',
  noun,
  summary: 'Give things a job; its roll-out begins at once',
  access,
  body: Type.Object(
    {
      jobId: Type.Optional(jobId),
      document,
      description: Type.Optional(terms.description),
      thingNames: Type.Optional(Type.Array(thingNameSchema, { maxItems: 1_000, uniqueItems: true })),
      groupNames: Type.Optional(Type.Array(groupNameSchema, { maxItems: 100, uniqueItems: true })),
      isContinuous: Type.Optional(
        Type.Boolean({
          description: 'Things that come to the groups later get it; it goes on until it is cancelled.',
        }),
      ),
      rate: Type.Optional(rate),
      abort: Type.Optional(terms.abort),
      inProgressMinutes: terms.inProgressMinutes,
      retries: Type.Optional(retries),
    },
    closed,
  ),
  bodyBytesMax: 524_288,
  status: 201,
  answer: jobWithDocument,
});

export const listJobs = defineRoute({
  method: 'GET',
  path: '/v1/jobs',
  noun,
  summary: 'List jobs, the newest first',
  access,
  answer: Type.Object({ jobs: Type.Array(job) }),
});

export const getJob = defineRoute({
  method: 'GET',
  path: '/v1/jobs/:jobId',
  noun,
  summary: 'A job, its document, and how far it is',
  access,
  params,
  answer: jobWithDocument,
});

export const cancelJob = defineRoute({
  method: 'POST',
  path: '/v1/jobs/:jobId/cancellation',
  noun,
  summary: 'Cancel a job: nobody begins it any more',
  access,
  params,
  body: Type.Object(
    { isForced, because: Type.Optional(Type.String({ minLength: 1, maxLength: 1_024 })) },
    closed,
  ),
  answer: job,
});

export const deleteJob = defineRoute({
  method: 'DELETE',
  path: '/v1/jobs/:jobId',
  noun,
  summary: 'Remove a job that is over, with all that is known of its executions',
  access,
  params,
  query: Type.Object(
    { isForced: Type.Optional(Type.Boolean({ description: 'Also one that is not over.' })) },
    closed,
  ),
});

export const listJobExecutions = defineRoute({
  method: 'GET',
  path: '/v1/jobs/:jobId/executions',
  noun,
  summary: 'List the things of a job and where each is',
  access,
  params,
  query: Type.Object(
    {
      status: Type.Optional(status),
      after: Type.Optional(Type.Integer({ minimum: 0 })),
      limit: Type.Optional(pageLimit),
    },
    closed,
  ),
  answer: executionPage,
});

export const getJobExecution = defineRoute({
  method: 'GET',
  path: '/v1/jobs/:jobId/executions/:thingName',
  noun,
  summary: 'Where one thing is in a job',
  access,
  params: executionParams,
  answer: execution,
});

export const cancelJobExecution = defineRoute({
  method: 'POST',
  path: '/v1/jobs/:jobId/executions/:thingName/cancellation',
  noun,
  summary: 'Cancel a job for one thing',
  access,
  params: executionParams,
  body: Type.Object({ isForced }, closed),
  answer: execution,
});

export const listThingJobExecutions = defineRoute({
  method: 'GET',
  path: '/v1/things/:thingName/jobs',
  noun,
  summary: 'List the jobs of a thing and how each went, the newest first',
  access,
  params: Type.Object({ thingName: thingNameSchema }),
  query: Type.Object(
    { before: Type.Optional(Type.Integer({ minimum: 1 })), limit: Type.Optional(pageLimit) },
    closed,
  ),
  answer: executionPage,
});
