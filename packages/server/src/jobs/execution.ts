import { type ExecutionEvent, executionSteps, isEnd } from './rules.ts';
import type { JobDefinition, JobExecution } from './store.ts';

const minuteMs = 60_000;

export interface ExecutionChange {
  readonly event: ExecutionEvent;
  readonly atMs: number;
  /** In the place of what was said before. */
  readonly statusDetails?: Readonly<Record<string, string>> | undefined;
  /** From now on; -1 takes the time limit of the step away. */
  readonly stepTimeoutMinutes?: number | undefined;
}

/** The execution after it; `undefined` when the table does not have that step. */
export function changedExecution(
  execution: JobExecution,
  { event, atMs, statusDetails, stepTimeoutMinutes }: ExecutionChange,
): JobExecution | undefined {
  const status = executionSteps[execution.status][event];
  if (status === undefined) return undefined;
  const { stepDueMs, startedAtMs, ...kept } = execution;
  const started = startedAtMs ?? (event === 'start' ? atMs : undefined);
  const due = isEnd(status) ? undefined : stepDue(stepDueMs, { atMs, stepTimeoutMinutes });
  return {
    ...kept,
    status,
    statusDetails: statusDetails ?? execution.statusDetails,
    versionNumber: execution.versionNumber + 1,
    lastUpdatedAtMs: atMs,
    ...(event === 'queue' ? { queuedAtMs: atMs } : {}),
    ...(started === undefined ? {} : { startedAtMs: started }),
    ...(due === undefined ? {} : { stepDueMs: due }),
  };
}

/** What an execution that ended becomes where its job has retries left: the next attempt. */
export function retriedExecution(
  ended: JobExecution,
  { retries, atMs }: Pick<JobDefinition, 'retries'> & { readonly atMs: number },
): JobExecution | undefined {
  const hasFailed = ended.status === 'FAILED';
  const isLeft = hasFailed ? ended.failures < retries.failed : ended.timeOuts < retries.timedOut;
  const again = isLeft ? changedExecution(ended, { event: 'retry', atMs, statusDetails: {} }) : undefined;
  if (again === undefined) return undefined;
  const { startedAtMs: _started, ...next } = again;
  return {
    ...next,
    queuedAtMs: atMs,
    executionNumber: ended.executionNumber + 1,
    failures: ended.failures + (hasFailed ? 1 : 0),
    timeOuts: ended.timeOuts + (hasFailed ? 0 : 1),
  };
}

function stepDue(
  before: number | undefined,
  { atMs, stepTimeoutMinutes }: Pick<ExecutionChange, 'atMs' | 'stepTimeoutMinutes'>,
): number | undefined {
  if (stepTimeoutMinutes === undefined) return before;
  return stepTimeoutMinutes === -1 ? undefined : atMs + stepTimeoutMinutes * minuteMs;
}

/** When an execution that is under way has taken too long, by its step or as a whole. */
export function timesOutAtMs(
  { status, startedAtMs = 0, stepDueMs }: JobExecution,
  { inProgressMinutes }: Pick<JobDefinition, 'inProgressMinutes'>,
): number | undefined {
  if (status !== 'IN_PROGRESS') return undefined;
  const wholeDueMs = inProgressMinutes === undefined ? undefined : startedAtMs + inProgressMinutes * minuteMs;
  if (stepDueMs === undefined) return wholeDueMs;
  return Math.min(stepDueMs, wholeDueMs ?? stepDueMs);
}

/** The order of a thing's jobs: what is under way first, then as they were queued. */
export function byTurn(a: JobExecution, b: JobExecution): number {
  if (a.status !== b.status) return a.status === 'IN_PROGRESS' ? -1 : 1;
  return a.queuedAtMs - b.queuedAtMs || a.position - b.position;
}
