import type { Ended } from '../abort-rule.ts';
import type { ExecutionStatus } from './rules.ts';
import type { ExecutionCounts } from './store.ts';

function sumOf(counts: ExecutionCounts, statuses: Iterable<ExecutionStatus>): number {
  let sum = 0;
  for (const status of statuses) sum += counts.get(status) ?? 0;
  return sum;
}

/** Things that came to an end by their own doing; those that were let go did not. */
function executedOf(counts: ExecutionCounts): number {
  return sumOf(counts, ['SUCCEEDED', 'FAILED', 'REJECTED', 'TIMED_OUT']);
}

/** What is not at an end. */
export function openOf(counts: ExecutionCounts): number {
  return sumOf(counts, ['WAITING', 'QUEUED', 'IN_PROGRESS']);
}

/** What the rate of the roll-out grows by. */
export function reachedOf(counts: ExecutionCounts): {
  readonly notified: number;
  readonly succeeded: number;
} {
  const notified = sumOf(counts, ['QUEUED', 'IN_PROGRESS']) + executedOf(counts);
  return { notified, succeeded: counts.get('SUCCEEDED') ?? 0 };
}

/** For the abort rules. */
export function endedOf(counts: ExecutionCounts): Ended {
  return { executed: executedOf(counts), failed: (how) => counts.get(how) ?? 0 };
}
