import { type Json, type JsonObject, utf8 } from '@fleetward/core';
import { jobEventTopic, jobExecutionEventTopic, jobTopics } from '@fleetward/protocol';
import type { PlatformMessage } from '../reserved-topic.ts';
import type { JobBook, JobNews } from './book.ts';
import type { JobExecution } from './store.ts';
import { documentOf, executionView, secondsOf, summaryView } from './views.ts';

interface MessageParts {
  readonly book: JobBook;
  readonly eventId: () => string;
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
      return [executionEvent(news.execution, parts)];
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

const operationOf = {
  create: 'created',
  complete: 'completed',
  cancel: 'canceled',
  delete: 'deleted',
} as const;

function jobEvent(
  { job, event }: Extract<JobNews, { kind: 'job' }>,
  { book, eventId, nowMs }: MessageParts,
): PlatformMessage {
  const operation = operationOf[event];
  const counts = book.run(job.jobId)?.counts ?? new Map();
  return message(jobEventTopic(job.jobId, operation), {
    eventType: 'JOB',
    eventId: eventId(),
    timestamp: secondsOf(nowMs),
    operation,
    jobId: job.jobId,
    status: job.state,
    targetSelection: job.target.isContinuous ? 'CONTINUOUS' : 'SNAPSHOT',
    description: job.description,
    ...(job.because === undefined ? {} : { comment: job.because }),
    createdAt: secondsOf(job.createdAtMs),
    lastUpdatedAt: secondsOf(nowMs),
    jobProcessDetails: {
      numberOfSucceededThings: counts.get('SUCCEEDED') ?? 0,
      numberOfFailedThings: counts.get('FAILED') ?? 0,
      numberOfRejectedThings: counts.get('REJECTED') ?? 0,
      numberOfTimedOutThings: counts.get('TIMED_OUT') ?? 0,
      numberOfCanceledThings: counts.get('CANCELED') ?? 0,
      numberOfRemovedThings: counts.get('REMOVED') ?? 0,
    },
  });
}

function executionEvent(
  { jobId, thingName, status, statusDetails }: JobExecution,
  { eventId, nowMs }: MessageParts,
): PlatformMessage {
  const operation = status.toLowerCase();
  return message(jobExecutionEventTopic(jobId, operation), {
    eventType: 'JOB_EXECUTION',
    eventId: eventId(),
    timestamp: secondsOf(nowMs),
    operation,
    jobId,
    thingName,
    status,
    statusDetails: { ...statusDetails },
  });
}
