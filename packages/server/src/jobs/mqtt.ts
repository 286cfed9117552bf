import { type Clock, utf8 } from '@fleetward/core';
import { jobsFilter } from '@fleetward/protocol';
import type { ReservedAnswer, ReservedFault, ReservedRequest, ReservedTopic } from '../reserved-topic.ts';
import { StoreError } from '../store-error.ts';
import { answerJobs, type JobAnswer, operationOf, rejected, rejection } from './answer.ts';
import { type JobRequest, payloadBytesMax, readJobRequest, Unreadable } from './payload.ts';
import type { Jobs } from './service.ts';
import { documentOf, secondsOf } from './views.ts';

/** Jobs as AWS IoT speaks them, on `$aws/things/THING/jobs/…`. */
export function jobTopicServices(jobs: Jobs, clock: Clock): readonly ReservedTopic[] {
  const timed = (answer: JobAnswer, clientToken: string | undefined): ReservedAnswer => {
    const token = clientToken === undefined ? {} : { clientToken };
    const value = { ...answer.body, ...token, timestamp: secondsOf(clock.now()) };
    return { kind: answer.kind, payload: utf8(JSON.stringify(value)) };
  };
  return [
    {
      service: 'jobs',
      filter: jobsFilter,
      answersTo: 'asker',
      payloadBytesMax,
      answer: async ({ topic, payload }) => {
        try {
          const request = readJobRequest(payload, jobs.limits);
          return timed(await attempt(jobs, topic, request), request.clientToken);
        } catch (error) {
          if (!(error instanceof Unreadable)) throw error;
          return timed(rejection(error.code, error.message), error.clientToken);
        }
      },
      rejected: ({ payload }: ReservedRequest, fault) => timed(faults[fault], tokenOf(payload, jobs)),
    },
  ];
}

const faults: Readonly<Record<ReservedFault, JobAnswer>> = {
  throttled: rejection('RequestThrottled', 'too many requests; try again'),
  'too-large': rejection('InvalidRequest', `a request has at most ${payloadBytesMax} bytes`),
  failed: rejection('InternalError', 'the platform failed'),
};

async function attempt(jobs: Jobs, topic: string, request: JobRequest): Promise<JobAnswer> {
  const [, , thing = '', , ...rest] = topic.split('/');
  const operation = operationOf(thing, rest);
  if (operation.kind === 'rejected') return rejected(operation);
  try {
    return await answerJobs(jobs.devices, operation, { request, documentForm: documentOf });
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'store.busy') throw error;
    return rejection('RequestThrottled', error.message);
  }
}

function tokenOf(payload: Uint8Array, { limits }: Jobs): string | undefined {
  try {
    return readJobRequest(payload, limits).clientToken;
  } catch (error) {
    return error instanceof Unreadable ? error.clientToken : undefined;
  }
}
