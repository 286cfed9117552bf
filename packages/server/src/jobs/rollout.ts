import type { ExecutionStatus } from './rules.ts';
import type { AbortRule, ExecutionCounts } from './store.ts';

const failures: Readonly<Record<AbortRule['failure'], readonly ExecutionStatus[]>> = {
  FAILED: ['FAILED'],
  REJECTED: ['REJECTED'],
  TIMED_OUT: ['TIMED_OUT'],
  ALL: ['FAILED', 'REJECTED', 'TIMED_OUT'],
};

function sumOf(counts: ExecutionCounts, statuses: Iterable<ExecutionStatus>): number {
  let sum = 0;
  for (const status of statuses) sum += counts.get(status) ?? 0;
  return sum;
}

/** Things that came to an end by their own doing; those that were let go did not. */
function executedOf(counts: ExecutionCounts): number {
  return sumOf(counts, ['SUCCEEDED', ...failures.ALL]);
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

/** Which abort rule is broken, in words. */
export function brokenRule(abort: readonly AbortRule[], counts: ExecutionCounts): string | undefined {
  const executed = executedOf(counts);
  for (const { failure, executedMin, percent } of abort) {
    const failed = sumOf(counts, failures[failure]);
    if (executed < executedMin || failed === 0 || failed * 100 < executed * percent) continue;
    const what = failure === 'ALL' ? 'did not succeed' : `ended ${failure}`;
    return `${failed} of ${executed} things ${what}; the limit is ${percent} % of at least ${executedMin}`;
  }
  return undefined;
}
