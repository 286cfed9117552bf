import { type Json, type JsonObject, parseThingName, type ThingName } from '@fleetward/core';
import { notFound, type RejectedCode, type Rejection } from './decide.ts';
import type { DeviceJobs, WithDocument } from './devices.ts';
import type { JobRequest } from './payload.ts';
import { executionView, stateView, summaryView } from './views.ts';

/** What devices may ask, in AWS IoT's words. */
export type JobOperation =
  | { readonly kind: 'GetPendingJobExecutions'; readonly thingName: ThingName }
  | { readonly kind: 'StartNextPendingJobExecution'; readonly thingName: ThingName }
  | { readonly kind: 'DescribeJobExecution'; readonly thingName: ThingName; readonly jobId: string }
  | { readonly kind: 'UpdateJobExecution'; readonly thingName: ThingName; readonly jobId: string };

export type JobAnswer =
  | { readonly kind: 'accepted'; readonly body: JsonObject }
  | { readonly kind: 'rejected'; readonly code: RejectedCode; readonly body: JsonObject };

/** How a protocol writes a job's document: as JSON over MQTT, as its text over HTTPS. */
export type DocumentForm = (text: string) => Json;

/** What becomes of the request, without what a protocol adds to every answer. */
export async function answerJobs(
  devices: DeviceJobs,
  operation: JobOperation,
  { request, documentForm }: { readonly request: JobRequest; readonly documentForm: DocumentForm },
): Promise<JobAnswer> {
  const { thingName } = operation;
  switch (operation.kind) {
    case 'GetPendingJobExecutions': {
      const pending = devices.pending(thingName);
      if ('kind' in pending) return rejected(pending);
      const of = (status: string) => pending.filter((one) => one.status === status).map(summaryView);
      return accepted({ inProgressJobs: of('IN_PROGRESS'), queuedJobs: of('QUEUED') });
    }
    case 'StartNextPendingJobExecution':
      return described(await devices.startNext({ kind: 'start-next', thingName, ...request }), documentForm);
    case 'DescribeJobExecution': {
      const { jobId } = operation;
      const { executionNumber, includeJobDocument = true } = request;
      const found = await devices.describe({ thingName, jobId, executionNumber });
      return described(found, includeJobDocument ? documentForm : undefined);
    }
    case 'UpdateJobExecution': {
      const { jobId } = operation;
      const { status, includeJobExecutionState, includeJobDocument = false } = request;
      if (status === undefined) return rejection('InvalidRequest', 'status is missing');
      const done = await devices.update({ kind: 'update', thingName, jobId, ...request, status });
      if ('kind' in done) return rejected(done);
      return accepted({
        ...(includeJobExecutionState ? { executionState: stateView(done.execution) } : {}),
        ...(includeJobDocument ? { jobDocument: documentForm(done.document) } : {}),
      });
    }
  }
}

/** The operation that a topic or path names after the thing: `get`, `start-next`, `ID/get`, `ID/update`. */
export function operationOf(thing: string, rest: readonly string[]): JobOperation | Rejection {
  const thingName = thingNameOf(thing);
  if (thingName === undefined) return notFound(`\`${thing.slice(0, 128)}\` is no name of a thing`);
  const [first = '', second] = rest;
  if (rest.length === 1 && first === 'get') return { kind: 'GetPendingJobExecutions', thingName };
  if (rest.length === 1 && first === 'start-next') return { kind: 'StartNextPendingJobExecution', thingName };
  const jobId = /^[a-zA-Z0-9_-]{1,64}$/.test(first) ? first : undefined;
  if (rest.length === 2 && second === 'get' && (first === '$next' || jobId !== undefined))
    return { kind: 'DescribeJobExecution', thingName, jobId: first };
  if (rest.length === 2 && second === 'update' && jobId !== undefined)
    return { kind: 'UpdateJobExecution', thingName, jobId };
  return { kind: 'rejected', code: 'InvalidTopic', message: 'no operation of jobs has this topic' };
}

function thingNameOf(text: string): ThingName | undefined {
  try {
    return parseThingName(text);
  } catch {
    return undefined;
  }
}

function described(
  found: WithDocument | Rejection | undefined,
  documentForm: DocumentForm | undefined,
): JobAnswer {
  if (found === undefined) return accepted({});
  if ('kind' in found) return rejected(found);
  const document = documentForm === undefined ? {} : { jobDocument: documentForm(found.document) };
  return accepted({ execution: executionView(found.execution, document) });
}

function accepted(body: JsonObject): JobAnswer {
  return { kind: 'accepted', body };
}

/** With where the execution is, where AWS IoT says it too. */
export function rejected({ code, message, execution }: Rejection): JobAnswer {
  const isOfState = code === 'InvalidStateTransition' || code === 'VersionMismatch';
  const state = isOfState && execution !== undefined ? { executionState: stateView(execution) } : {};
  return { kind: 'rejected', code, body: { code, message, ...state } };
}

export function rejection(code: RejectedCode, message: string): JobAnswer {
  return { kind: 'rejected', code, body: { code, message } };
}
