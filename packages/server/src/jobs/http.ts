import { type JsonObject, parseGroupName, parseThingName } from '@fleetward/core';
import {
  cancelJob,
  cancelJobExecution,
  createJob,
  deleteJob,
  getJob,
  getJobExecution,
  listJobExecutions,
  listJobs,
  listThingJobExecutions,
  type Part,
} from '@fleetward/protocol';
import { operatorActor } from '../operator-actor.ts';
import { rateNow } from '../rollout-rate.ts';
import { handle, type RouteHandler } from '../route-handler.ts';
import { reachedOf } from './rollout.ts';
import type { Jobs, JobView, NewJob } from './service.ts';
import type { JobExecution } from './store.ts';
import { documentOf } from './views.ts';

type Body = Part<(typeof createJob)['body']>;

/** What is not said: 1,000 a minute, as AWS IoT's most. */
const standardRate = { baseRatePerMinute: 1_000, incrementFactor: 1, maximumPerMinute: 1_000 } as const;

export function jobHandlers(jobs: Jobs): readonly RouteHandler[] {
  return [
    handle(createJob, async ({ body, caller }) =>
      fullView(await jobs.create(wantedOf(body), operatorActor(caller))),
    ),
    handle(listJobs, async () => ({ jobs: (await jobs.list()).map(viewOf) })),
    handle(getJob, async ({ params }) => fullView(await jobs.get(params.jobId))),
    handle(cancelJob, async ({ params, body, caller }) => {
      const { isForced = false, ...why } = body;
      return viewOf(await jobs.cancel({ ...params, isForced, ...why }, operatorActor(caller)));
    }),
    handle(deleteJob, async ({ params, query, caller }) => {
      await jobs.delete({ ...params, isForced: query.isForced ?? false }, operatorActor(caller));
      return undefined;
    }),
    handle(listJobExecutions, async ({ params, query }) => {
      const { limit = 100, ...range } = query;
      const executions = await jobs.executions({ ...params, ...range, limit });
      const next = executions.length === limit ? executions.at(-1)?.position : undefined;
      return { executions: executions.map(executionView), ...(next === undefined ? {} : { next }) };
    }),
    handle(getJobExecution, async ({ params }) =>
      executionView(await jobs.execution(params.jobId, parseThingName(params.thingName))),
    ),
    handle(cancelJobExecution, async ({ params, body, caller }) => {
      const thingName = parseThingName(params.thingName);
      const { isForced = false } = body;
      return executionView(
        await jobs.cancelExecution({ jobId: params.jobId, thingName, isForced }, operatorActor(caller)),
      );
    }),
    handle(listThingJobExecutions, async ({ params, query }) => {
      const { limit = 100, ...range } = query;
      const thingName = parseThingName(params.thingName);
      const executions = await jobs.executionsOf({ thingName, ...range, limit });
      const next = executions.length === limit ? executions.at(-1)?.position : undefined;
      return { executions: executions.map(executionView), ...(next === undefined ? {} : { next }) };
    }),
  ];
}

function wantedOf(body: Body): NewJob {
  const { jobId, document, description = '', thingNames = [], groupNames = [], isContinuous = false } = body;
  const { rate = standardRate, abort = [], inProgressMinutes, retries = {} } = body;
  return {
    ...(jobId === undefined ? {} : { jobId }),
    document: document as JsonObject,
    description,
    target: {
      thingNames: thingNames.map(parseThingName),
      groupNames: groupNames.map(parseGroupName),
      isContinuous,
    },
    rate,
    abort,
    ...(inProgressMinutes === undefined ? {} : { inProgressMinutes }),
    retries: { failed: retries.failed ?? 0, timedOut: retries.timedOut ?? 0 },
  };
}

function fullView(view: JobView) {
  return { ...viewOf(view), document: documentOf(view.job.document) as Record<string, unknown> };
}

function viewOf({ job, counts }: JobView) {
  const { pacedFromMs: _paced, document: _document, target, abort, ...rest } = job;
  const { thingNames, groupNames, isContinuous } = target;
  return {
    ...rest,
    target: { thingNames: [...thingNames], groupNames: [...groupNames], isContinuous },
    abort: [...abort],
    ratePerMinute: rateNow(job.rate, reachedOf(counts)),
    things: [...counts.values()].reduce((sum, count) => sum + count, 0),
    counts: Object.fromEntries([...counts].filter(([, count]) => count > 0)),
  };
}

function executionView({
  failures: _failures,
  timeOuts: _timeOuts,
  statusDetails,
  ...execution
}: JobExecution) {
  return { ...execution, statusDetails: { ...statusDetails } };
}
