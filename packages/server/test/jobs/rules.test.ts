import { parseThingName } from '@fleetward/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { brokenRule } from '../../src/abort-rule.ts';
import { changedExecution, retriedExecution, timesOutAtMs } from '../../src/jobs/execution.ts';
import { endedOf } from '../../src/jobs/rollout.ts';
import {
  type ExecutionEvent,
  type ExecutionStatus,
  executionStatuses,
  executionSteps,
  isEnd,
  isPending,
} from '../../src/jobs/rules.ts';
import type { JobExecution } from '../../src/jobs/store.ts';

const events: readonly ExecutionEvent[] = [
  'queue',
  'withdraw',
  'start',
  'succeed',
  'fail',
  'reject',
  'timeOut',
  'retry',
  'remove',
  'cancel',
];
const execution = (status: ExecutionStatus, changes: Partial<JobExecution> = {}): JobExecution => ({
  jobId: 'job',
  thingName: parseThingName('lamp'),
  status,
  statusDetails: {},
  position: 1,
  executionNumber: 1,
  versionNumber: 1,
  failures: 0,
  timeOuts: 0,
  queuedAtMs: 0,
  lastUpdatedAtMs: 0,
  ...changes,
});

describe('the table of executions', () => {
  test('what succeeded, was rejected, removed or cancelled is so for ever', () => {
    for (const status of ['SUCCEEDED', 'REJECTED', 'REMOVED', 'CANCELED'] as const)
      expect(executionSteps[status]).toEqual({});
  });

  test('only what failed or timed out is tried again, and only by a retry', () => {
    const tried = executionStatuses.filter((status) =>
      Object.values(executionSteps[status]).includes('QUEUED'),
    );
    expect(tried).toEqual(['WAITING', 'FAILED', 'TIMED_OUT']);
    expect(Object.keys(executionSteps.FAILED)).toEqual(['retry']);
    expect(Object.keys(executionSteps.TIMED_OUT)).toEqual(['retry']);
  });

  test('only what is under way times out', () => {
    expect(executionStatuses.filter((status) => 'timeOut' in executionSteps[status])).toEqual([
      'IN_PROGRESS',
    ]);
  });

  test('whatever happens: the version only rises, an end is an end, and never more retries than were given', () => {
    const steps = fc.array(
      fc.record({ event: fc.constantFrom(...events), minutes: fc.constantFrom(undefined, -1, 1, 10) }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, fc.nat({ max: 3 }), fc.nat({ max: 3 }), (wanted, failed, timedOut) => {
        let now = execution('WAITING', { versionNumber: 0 });
        for (const [atMs, { event, minutes }] of wanted.entries()) {
          if (event === 'retry') continue;
          const after = changedExecution(now, { event, atMs, stepTimeoutMinutes: minutes });
          expect(after?.status).toBe(executionSteps[now.status][event]);
          if (after === undefined) continue;
          const kept = retriedExecution(after, { retries: { failed, timedOut }, atMs }) ?? after;
          expect(isEnd(now.status)).toBe(false);
          expect(kept.versionNumber).toBeGreaterThan(now.versionNumber);
          expect(kept.executionNumber).toBe(1 + kept.failures + kept.timeOuts);
          expect(kept.failures <= failed && kept.timeOuts <= timedOut).toBe(true);
          if (kept.status !== 'IN_PROGRESS')
            expect(timesOutAtMs(kept, { inProgressMinutes: 1 })).toBeUndefined();
          now = kept;
        }
      }),
    );
  });

  test('each status is before its device, at an end, or waits', () => {
    for (const status of executionStatuses)
      expect([isPending(status), isEnd(status), status === 'WAITING'].filter(Boolean)).toHaveLength(1);
  });
});

describe('time limits', () => {
  const started = execution('IN_PROGRESS', { startedAtMs: 60_000 });

  test('the step’s and the whole one’s: whichever is first', () => {
    expect(timesOutAtMs(started, {})).toBeUndefined();
    expect(timesOutAtMs(started, { inProgressMinutes: 2 })).toBe(180_000);
    expect(timesOutAtMs({ ...started, stepDueMs: 90_000 }, { inProgressMinutes: 2 })).toBe(90_000);
    expect(timesOutAtMs({ ...started, stepDueMs: 900_000 }, { inProgressMinutes: 2 })).toBe(180_000);
    expect(timesOutAtMs({ ...started, stepDueMs: 900_000 }, {})).toBe(900_000);
  });

  test('an update without one leaves the step’s as it was, -1 takes it away, another begins anew', () => {
    const stepped = { ...started, stepDueMs: 90_000 };
    const update = (stepTimeoutMinutes?: number) =>
      changedExecution(stepped, { event: 'start', atMs: 70_000, stepTimeoutMinutes })?.stepDueMs;
    expect([update(), update(-1), update(1)]).toEqual([90_000, undefined, 130_000]);
  });
});

test('an abort rule is broken from its share of its number on, of its own kind of failure', () => {
  const counts = new Map<ExecutionStatus, number>([
    ['SUCCEEDED', 17],
    ['FAILED', 2],
    ['TIMED_OUT', 1],
    ['CANCELED', 100],
  ]);
  const rule = { failure: 'ALL', executedMin: 20, percent: 15 } as const;
  expect(brokenRule([rule], endedOf(counts))).toContain('3 of 20 things did not succeed');
  expect(brokenRule([{ ...rule, percent: 15.1 }], endedOf(counts))).toBeUndefined();
  expect(brokenRule([{ ...rule, executedMin: 21 }], endedOf(counts))).toBeUndefined();
  expect(brokenRule([{ ...rule, failure: 'FAILED', percent: 10 }], endedOf(counts))).toContain(
    'ended FAILED',
  );
  expect(brokenRule([{ ...rule, failure: 'REJECTED', percent: 1 }], endedOf(counts))).toBeUndefined();
});
