import type { ThingName } from '@fleetward/core';
import { DueQueue } from '../due-queue.ts';
import { takeCalls } from '../pace.ts';
import { rateNow } from '../rollout-rate.ts';
import { changedExecution, retriedExecution, timesOutAtMs } from './execution.ts';
import { openOf, reachedOf } from './rollout.ts';
import { type ExecutionEvent, type ExecutionStatus, isEnd, isPending } from './rules.ts';
import type { Job, JobExecution } from './store.ts';

interface Bounds {
  readonly nowMs: number;
  readonly max: number;
}

/**
 * A job that is not over, in memory: its open executions, and how many there are of each status. It says what should change; whoever made
 * that durable puts it back in with `put`, in the tick of the commit.
 */
export class JobRun {
  job: Job;
  readonly #counts = new Map<ExecutionStatus, number>();
  readonly #open = new Map<ThingName, JobExecution>();
  /** Where a campaign leads the job: what ended, until that has taken it in. */
  readonly #ended = new Map<ThingName, JobExecution>();
  readonly #members = new Set<ThingName>();
  /** In their order. */
  readonly #waiting = new Set<ThingName>();
  readonly #late = new DueQueue<JobExecution>();

  constructor(job: Job) {
    this.job = job;
  }

  /** What was made durable: a new execution, or one in the place of what it was. */
  put(execution: JobExecution): void {
    const { thingName, status } = execution;
    const before = this.lastOf(thingName);
    if (before !== undefined) this.#count(before.status, -1);
    this.#count(status, 1);
    this.#members.add(thingName);
    if (status === 'WAITING') this.#waiting.add(thingName);
    else this.#waiting.delete(thingName);
    this.#open.delete(thingName);
    this.#ended.delete(thingName);
    if (!isEnd(status)) this.#open.set(thingName, execution);
    else if (this.job.campaignId !== undefined) this.#ended.set(thingName, execution);
    this.#watch(execution);
  }

  #count(status: ExecutionStatus, change: 1 | -1): void {
    this.#counts.set(status, (this.#counts.get(status) ?? 0) + change);
  }

  #watch(execution: JobExecution): void {
    const dueMs = timesOutAtMs(execution, this.job);
    if (dueMs !== undefined) this.#late.add(execution, { dueMs, order: execution.position });
  }

  get counts(): ReadonlyMap<ExecutionStatus, number> {
    return this.#counts;
  }

  get size(): number {
    return this.#members.size;
  }

  isMember(thingName: ThingName): boolean {
    return this.#members.has(thingName);
  }

  /** What ended stays so, but for the next attempt that a campaign makes of it. */
  mayTake({ thingName, executionNumber }: JobExecution): boolean {
    const ended = this.#ended.get(thingName);
    if (ended !== undefined) return executionNumber > ended.executionNumber;
    return !this.#members.has(thingName) || this.#open.has(thingName);
  }

  /** The execution of the thing, while it is open or its end is yet to be taken in by the campaign that leads the job. */
  lastOf(thingName: ThingName): JobExecution | undefined {
    return this.#open.get(thingName) ?? this.#ended.get(thingName);
  }

  /** All of those. */
  *last(): Generator<JobExecution> {
    yield* this.#open.values();
    yield* this.#ended.values();
  }

  /** Its end was taken in: nothing more comes of it. */
  letGo(thingName: ThingName): void {
    this.#ended.delete(thingName);
  }

  /** The execution of the thing, while it is not at an end. */
  executionOf(thingName: ThingName): JobExecution | undefined {
    return this.#open.get(thingName);
  }

  get pending(): Iterable<JobExecution> {
    return this.#open.values().filter(({ status }) => isPending(status));
  }

  get open(): number {
    return openOf(this.#counts);
  }

  /** Whether a device may begin, or go on with, what it has of the job. */
  isLive({ status }: JobExecution): boolean {
    switch (this.job.state) {
      case 'IN_PROGRESS':
        return true;
      case 'CANCELED':
        return status === 'IN_PROGRESS' && !this.job.isForced;
      default:
        return false;
    }
  }

  /** The execution after it ended, or the next attempt in its place. */
  settled(ended: JobExecution, atMs: number): JobExecution {
    if (this.job.state !== 'IN_PROGRESS') return ended;
    return retriedExecution(ended, { retries: this.job.retries, atMs }) ?? ended;
  }

  /** Those whose turn in the roll-out has come, as they are queued, and the pace after it. */
  turns({ nowMs, max }: Bounds): {
    readonly executions: readonly JobExecution[];
    readonly pacedFromMs: number;
  } {
    const pace = {
      ratePerMinute: rateNow(this.job.rate, reachedOf(this.#counts)),
      fromMs: this.job.pacedFromMs,
    };
    const waiting = Math.min(max, this.#waiting.size);
    const taken = takeCalls(pace, { nowMs, waiting });
    const executions = this.#waiting
      .values()
      .take(taken.count)
      .flatMap((thingName) => this.#changed(thingName, 'queue', nowMs))
      .toArray();
    return { executions, pacedFromMs: taken.pace.fromMs };
  }

  /** What has taken too long, as it ends or is tried again. */
  timeOuts({ nowMs, max }: Bounds): readonly JobExecution[] {
    const ended = new Map<ThingName, JobExecution>();
    while (ended.size < max) {
      const taken = this.#late.take(nowMs);
      if (taken === undefined) break;
      const execution = this.#open.get(taken.thingName);
      const dueMs = execution && timesOutAtMs(execution, this.job);
      // Its device has said something since.
      if (execution === undefined || dueMs === undefined || dueMs > nowMs) continue;
      const [late] = this.#changed(execution.thingName, 'timeOut', nowMs);
      if (late !== undefined) ended.set(late.thingName, this.settled(late, nowMs));
    }
    return [...ended.values()];
  }

  /** After a transaction that failed: what was taken out of the queue comes back. */
  rewatch(executions: Iterable<JobExecution>): void {
    for (const { thingName } of executions) {
      const execution = this.#open.get(thingName);
      if (execution !== undefined) this.#watch(execution);
    }
  }

  /** Those that no device goes on with, as they are let go. */
  leftovers({ nowMs, max }: Bounds): readonly JobExecution[] {
    return this.#open
      .values()
      .filter((execution) => !this.isLive(execution))
      .take(max)
      .flatMap(({ thingName }) => this.#changed(thingName, 'cancel', nowMs))
      .toArray();
  }

  /** What becomes of what things have that the job is not for any more. */
  strangers(isTarget: (thingName: ThingName) => boolean, { nowMs, max }: Bounds): readonly JobExecution[] {
    return this.#open
      .values()
      .filter(({ thingName }) => !isTarget(thingName))
      .take(max)
      .flatMap(({ thingName }) => this.#changed(thingName, 'remove', nowMs))
      .toArray();
  }

  #changed(thingName: ThingName, event: ExecutionEvent, atMs: number): readonly JobExecution[] {
    const execution = this.#open.get(thingName);
    const after = execution && changedExecution(execution, { event, atMs });
    return after === undefined ? [] : [after];
  }
}
