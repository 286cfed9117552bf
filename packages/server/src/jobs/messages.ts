import { type Json, type JsonObject, utf8 } from '@fleetward/core';
import { jobEventTopic, jobExecutionEventTopic, jobTopics } from '@fleetward/protocol';
import type { PlatformMessage } from '../reserved-topic.ts';
import type { JobBook, JobNews, JobNewsEvent } from './book.ts';
import type { Job, JobExecution } from './store.ts';
import { documentOf, executionView, secondsOf, summaryView } from './views.ts';

interface MessageParts {
  readonly book: JobBook;
  readonly eventId: () => string;
  /** The ARN of a resource of this platform. */
  readonly arnOf: (resource: string) => string;
  readonly nowMs: number;
}

function message(topic: string, value: JsonObject): PlatformMessage {
  return { topic, payload: utf8(JSON.stringify(value)) };
}

/** Jobs of each status that `notify` lists. */
const listedMax = 10;

export function messagesOf(news: JobNews, parts: MessageParts): readonly PlatformMessage[] {
  switch (news.kind) {
    case 'job':
      return [jobEvent(news, parts)];
    case 'execution':
      return [executionEvent(news.execution, news.execution.status.toLowerCase(), parts)];
    case 'execution-deleted':
      return [executionEvent(news.execution, 'deleted', parts)];
    case 'queue':
      return queueMessages(news.change, parts);
  }
}

function queueMessages(
  { thingName, isListOther, isHeadOther }: Extract<JobNews, { kind: 'queue' }>['change'],
  { book, nowMs }: MessageParts,
): readonly PlatformMessage[] {
  const queue = book.liveQueue(thingName);
  const topics = jobTopics(thingName);
  const timestamp = secondsOf(nowMs);
  return [
    ...(isListOther ? [message(topics.notify, { timestamp, jobs: listedJobs(queue) })] : []),
    ...(isHeadOther ? [message(topics.notifyNext, { timestamp, ...headOf(queue, book) })] : []),
  ];
}

function listedJobs(queue: readonly JobExecution[]): JsonObject {
  const jobs: Record<string, Json> = {};
  for (const status of ['IN_PROGRESS', 'QUEUED']) {
    const some = queue.filter((execution) => execution.status === status).slice(0, listedMax);
    if (some.length > 0) jobs[status] = some.map(summaryView);
  }
  return jobs;
}

function headOf([head]: readonly JobExecution[], book: JobBook): JsonObject {
  const job = head && book.run(head.jobId)?.job;
  if (head === undefined || job === undefined) return {};
  return { execution: executionView(head, { jobDocument: documentOf(job.document) }) };
}

/** What each is called, and the status that is told with it where that is not the job's own. */
const operationOf: Readonly<Record<JobNewsEvent, { readonly operation: string; readonly status?: string }>> =
  {
    create: { operation: 'created' },
    complete: { operation: 'completed' },
    cancel: { operation: 'cancellation_in_progress', status: 'CANCELLATION_IN_PROGRESS' },
    cancelled: { operation: 'canceled' },
    delete: { operation: 'deletion_in_progress' },
    deleted: { operation: 'deleted', status: 'DELETED' },
  };

function jobEvent({ job, event }: Extract<JobNews, { kind: 'job' }>, parts: MessageParts): PlatformMessage {
  const { operation, status = job.state } = operationOf[event];
  return message(jobEventTopic(job.jobId, operation), {
    ...eventHead('JOB', operation, parts),
    jobId: job.jobId,
    status,
    ...(job.isForced && job.state === 'CANCELED' ? { forceCanceled: true } : {}),
    targetSelection: job.target.isContinuous ? 'CONTINUOUS' : 'SNAPSHOT',
    targets: targetsOf(job, parts),
    description: job.description,
    ...(job.because === undefined ? {} : { comment: job.because }),
    ...(event === 'complete' ? { completedAt: parts.nowMs } : {}),
    createdAt: job.createdAtMs,
    lastUpdatedAt: parts.nowMs,
    ...(event === 'complete' || event === 'cancelled' ? { jobProcessDetails: endsOf(job, parts) } : {}),
  });
}

function eventHead(eventType: string, operation: string, { eventId, nowMs }: MessageParts): JsonObject {
  return { eventType, eventId: eventId(), timestamp: secondsOf(nowMs), operation };
}

/** As many as a job of AWS IoT may have. */
const targetsMax = 100;

function targetsOf({ target }: Job, { arnOf }: MessageParts): string[] {
  const things = target.thingNames.slice(0, targetsMax).map((name) => arnOf(`thing/${name}`));
  const groups = target.groupNames.slice(0, targetsMax).map((name) => arnOf(`thinggroup/${name}`));
  return [...things, ...groups].slice(0, targetsMax);
}

function endsOf({ jobId }: Job, { book }: MessageParts): JsonObject {
  const counts = book.run(jobId)?.counts ?? new Map();
  return {
    numberOfSucceededThings: counts.get('SUCCEEDED') ?? 0,
    numberOfFailedThings: counts.get('FAILED') ?? 0,
    numberOfRejectedThings: counts.get('REJECTED') ?? 0,
    numberOfTimedOutThings: counts.get('TIMED_OUT') ?? 0,
    numberOfCanceledThings: counts.get('CANCELED') ?? 0,
    numberOfRemovedThings: counts.get('REMOVED') ?? 0,
  };
}

function executionEvent(
  { jobId, thingName, status, statusDetails }: JobExecution,
  operation: string,
  parts: MessageParts,
): PlatformMessage {
  return message(jobExecutionEventTopic(jobId, operation), {
    ...eventHead('JOB_EXECUTION', operation, parts),
    jobId,
    thingArn: parts.arnOf(`thing/${thingName}`),
    thingName,
    status,
    statusDetails: { ...statusDetails },
  });
}
