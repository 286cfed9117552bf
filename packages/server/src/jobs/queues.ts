import type { ThingName } from '@fleetward/core';
import { byTurn } from './execution.ts';
import { isPending } from './rules.ts';
import type { JobExecution } from './store.ts';

/** What each thing has before it, of all jobs, in memory. */
export class ThingQueues {
  readonly #of = new Map<ThingName, Map<string, JobExecution>>();

  put(execution: JobExecution): void {
    const { thingName, jobId, status } = execution;
    const queue = this.#of.get(thingName) ?? new Map<string, JobExecution>();
    if (isPending(status)) this.#of.set(thingName, queue.set(jobId, execution));
    else queue.delete(jobId);
    if (queue.size === 0) this.#of.delete(thingName);
  }

  get(thingName: ThingName, jobId: string): JobExecution | undefined {
    return this.#of.get(thingName)?.get(jobId);
  }

  /** In the order of their turns. */
  pending(thingName: ThingName): readonly JobExecution[] {
    return [...(this.#of.get(thingName)?.values() ?? [])].sort(byTurn);
  }
}

/** What changed in what a thing has before it. */
export interface QueueChange {
  readonly thingName: ThingName;
  /** Whether one came to it, or is gone. */
  readonly isListOther: boolean;
  /** Whether another one is the next. */
  readonly isHeadOther: boolean;
}

type Queue = readonly JobExecution[];

/** `undefined` where a device would not learn anything. */
export function queueChange(
  thingName: ThingName,
  { before, after }: { readonly before: Queue; readonly after: Queue },
): QueueChange | undefined {
  const known = new Set(before.map(keyOf));
  const isListOther = known.size !== after.length || after.some((execution) => !known.has(keyOf(execution)));
  const isHeadOther = headOf(before) !== headOf(after);
  return isListOther || isHeadOther ? { thingName, isListOther, isHeadOther } : undefined;
}

function keyOf({ jobId, executionNumber }: JobExecution): string {
  return `${jobId} ${executionNumber}`;
}

function headOf([head]: Queue): string | undefined {
  return head && keyOf(head);
}
