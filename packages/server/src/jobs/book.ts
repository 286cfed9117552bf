import type { Clock, JsonObject, ThingName, Transaction, Transactor } from '@fleetward/core';
import { paceFrom } from '../pace.ts';
import { rateNow } from '../rollout-rate.ts';
import type { Actor, Trail } from '../trail/index.ts';
import { JobsError } from './errors.ts';
import { type QueueChange, queueChange, ThingQueues } from './queues.ts';
import { reachedOf } from './rollout.ts';
import { isEnd, type JobEvent, jobSteps } from './rules.ts';
import { JobRun } from './run.ts';
import type { Job, JobExecution, JobStore } from './store.ts';

/** `cancel` and `delete` begin what is over with `cancelled` and `deleted`. */
export type JobNewsEvent = Exclude<JobEvent, 'gathered'> | 'create' | 'cancelled' | 'deleted';

/** What happened to jobs and in the queues of things, in the tick of its commit. */
export type JobNews =
  | { readonly kind: 'job'; readonly job: Job; readonly event: JobNewsEvent }
  | { readonly kind: 'execution'; readonly execution: JobExecution }
  /** It was deleted with its job. */
  | { readonly kind: 'execution-deleted'; readonly execution: JobExecution }
  | { readonly kind: 'queue'; readonly change: QueueChange };

export interface BookParts {
  readonly store: JobStore;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  /** Whether the campaign that leads a job offers this now, to begin or to go on with; without it, nothing. */
  readonly isOffered?: (campaignId: string, execution: JobExecution) => boolean;
}

export interface Step {
  readonly event: JobEvent;
  readonly actor: Actor;
  readonly isForced?: boolean;
  readonly because?: string;
}

const pageSize = 1_000;

/** The jobs that are not over, and every change of them: durable first, then in memory, with its entry in the trail. */
export class JobBook {
  readonly parts: BookParts & { readonly tell: (news: JobNews) => void };
  readonly queues = new ThingQueues();
  readonly #open = new Map<string, JobRun>();
  /** Ids of those that are over, the oldest first. */
  readonly #over = new Set<string>();
  /** Ids of those that are being deleted. */
  readonly #leaving = new Set<string>();
  #lastPosition = 0;

  constructor(parts: JobBook['parts']) {
    this.parts = parts;
  }

  async load(): Promise<void> {
    const { store } = this.parts;
    this.#lastPosition = await store.lastPosition();
    for (const job of (await store.jobs()).toReversed()) {
      if (job.state === 'DELETION_IN_PROGRESS') this.#leaving.add(job.jobId);
      if (job.endedAtMs !== undefined) this.#over.add(job.jobId);
      else this.#open.set(job.jobId, await this.#loaded(job));
    }
  }

  async #loaded(job: Job): Promise<JobRun> {
    const run = new JobRun(job);
    for (let after = 0; ; ) {
      const page = await this.parts.store.executions({ jobId: job.jobId, after, limit: pageSize });
      for (const execution of page) this.#put(run, execution);
      const last = page.at(-1);
      if (last === undefined) return run;
      after = last.position;
    }
  }

  get runs(): readonly JobRun[] {
    return [...this.#open.values()];
  }

  run(jobId: string): JobRun | undefined {
    return this.#open.get(jobId);
  }

  get overCount(): number {
    return this.#over.size;
  }

  /** The one to be forgotten next: of those that are deleted, or the oldest when more are over than may be kept. */
  goner(keptMax: number): string | undefined {
    for (const jobId of this.#leaving) if (!this.#open.has(jobId)) return jobId;
    if (this.#over.size <= keptMax) return undefined;
    return this.#over.values().next().value;
  }

  /** Throws `jobs.not_found`. */
  async find(jobId: string): Promise<Job> {
    const found = this.run(jobId)?.job ?? (await this.parts.store.job(jobId));
    if (found !== undefined) return found;
    throw new JobsError('jobs.not_found', `there is no job \`${jobId}\``);
  }

  /** What the thing may begin or go on with, in the order of their turns. */
  liveQueue(thingName: ThingName): readonly JobExecution[] {
    return this.queues.pending(thingName).filter((execution) => this.isLive(execution));
  }

  isLive(execution: JobExecution): boolean {
    const run = this.run(execution.jobId);
    if (run?.isLive(execution) !== true) return false;
    const { campaignId } = run.job;
    return campaignId === undefined || this.parts.isOffered?.(campaignId, execution) === true;
  }

  /** Whether no device is to see it just now, as the campaign that leads its job does not offer it. */
  isHeld(execution: JobExecution): boolean {
    const isLed = this.run(execution.jobId)?.job.campaignId !== undefined;
    return isLed && execution.status === 'QUEUED' && !this.isLive(execution);
  }

  /** Numbers for so many executions, rising. */
  takePositions(count: number): readonly number[] {
    const first = this.#lastPosition + 1;
    this.#lastPosition += count;
    return Array.from({ length: count }, (_, at) => first + at);
  }

  async add(
    job: Job,
    { actor, payload }: { readonly actor: Actor; readonly payload: JsonObject },
  ): Promise<void> {
    const { store, transactor, trail, tell } = this.parts;
    await transactor.transact(async (tx) => {
      await store.add(tx, job);
      await trail.append(tx, { kind: 'job.created', actor, payload });
      tx.afterCommit(() => {
        this.#open.set(job.jobId, new JobRun(job));
        tell({ kind: 'job', job, event: 'create' });
      });
    });
  }

  /** Throws `jobs.state` for a step that the table does not have. */
  async step(job: Job, { event, actor, isForced = false, because }: Step): Promise<void> {
    const state = jobSteps[job.state][event];
    if (state === undefined)
      throw new JobsError('jobs.state', `job \`${job.jobId}\` is ${job.state} and cannot ${event}`);
    const nowMs = this.parts.clock.now();
    const next: Job = {
      ...job,
      state,
      isForced: job.isForced || isForced || event === 'delete',
      ...(because === undefined ? {} : { because }),
      // The first thing is called at once.
      ...(event === 'gathered'
        ? { pacedFromMs: paceFrom(rateNow(job.rate, reachedOf(new Map())), nowMs).fromMs }
        : {}),
      ...(event === 'complete' ? { endedAtMs: nowMs } : {}),
    };
    const reason = because === undefined ? {} : { because };
    await this.parts.transactor.transact(async (tx) => {
      // First: it tells how many of its things ended how, which is not in memory once the job is over.
      if (event !== 'gathered') tx.afterCommit(() => this.parts.tell({ kind: 'job', job: next, event }));
      await this.#update(tx, next);
      const payload = { jobId: job.jobId, state, isForced: next.isForced, ...reason };
      await this.parts.trail.append(tx, { kind: 'job.state_changed', actor, payload });
    });
  }

  /** Executions as they are now, and up to when calls are spent. */
  async save(executions: readonly JobExecution[], paced?: Pick<Job, 'jobId' | 'pacedFromMs'>): Promise<void> {
    await this.parts.transactor.transact(async (tx) => {
      await this.saveWithin(tx, executions);
      const job = paced && this.run(paced.jobId)?.job;
      if (job !== undefined && job.pacedFromMs !== paced?.pacedFromMs)
        await this.#update(tx, { ...job, ...paced });
    });
  }

  async saveWithin(tx: Transaction, executions: readonly JobExecution[]): Promise<void> {
    await this.parts.store.saveExecutions(tx, executions);
    tx.afterCommit(() => this.#putAll(executions));
  }

  /** A job that was cancelled or deleted is over when no device is at it any more. */
  async end({ job, open }: JobRun): Promise<void> {
    if (open > 0) return;
    const ended = { ...job, endedAtMs: this.parts.clock.now() };
    await this.parts.transactor.transact((tx) => {
      // First, as in `step`.
      if (job.state === 'CANCELED')
        tx.afterCommit(() => this.parts.tell({ kind: 'job', job: ended, event: 'cancelled' }));
      return this.#update(tx, ended);
    });
  }

  /** Removes some of a job that is over; all of it after a while. */
  async forget(jobId: string, executionsMax: number): Promise<void> {
    const { store, transactor } = this.parts;
    const deleted = await this.#newsOfDeletion(jobId, executionsMax);
    await transactor.transact(async (tx) => {
      const isGone = await store.remove(tx, { jobId, executionsMax });
      tx.afterCommit(() => {
        for (const execution of deleted.executions) this.parts.tell({ kind: 'execution-deleted', execution });
        if (!isGone) return;
        this.#over.delete(jobId);
        this.#leaving.delete(jobId);
        if (deleted.job !== undefined) this.parts.tell({ kind: 'job', job: deleted.job, event: 'deleted' });
      });
    });
  }

  /** What is removed next of a job that somebody deleted; nothing of one that is only not listed any more. */
  async #newsOfDeletion(jobId: string, limit: number) {
    if (!this.#leaving.has(jobId)) return { executions: [] };
    const { store } = this.parts;
    return { job: await store.job(jobId), executions: await store.executions({ jobId, limit }) };
  }

  async #update(tx: Transaction, job: Job): Promise<void> {
    await this.parts.store.update(tx, job);
    tx.afterCommit(() => {
      const run = this.run(job.jobId);
      if (run !== undefined) run.job = job;
      if (job.state === 'DELETION_IN_PROGRESS') this.#leaving.add(job.jobId);
      if (job.endedAtMs === undefined) return;
      this.#open.delete(job.jobId);
      this.#over.add(job.jobId);
    });
  }

  /** Tells each thing once of what came of all of them. */
  #putAll(executions: readonly JobExecution[]): void {
    const names = new Set(executions.map(({ thingName }) => thingName));
    const before = new Map([...names].map((name) => [name, this.queues.pending(name)]));
    for (const execution of executions) {
      const run = this.run(execution.jobId);
      // It may have been removed with its thing while something else about it was on its way.
      if (run?.mayTake(execution)) this.#put(run, execution);
      if (isEnd(execution.status)) this.parts.tell({ kind: 'execution', execution });
    }
    for (const [thingName, queue] of before) {
      const change = queueChange(thingName, { before: queue, after: this.queues.pending(thingName) });
      if (change !== undefined) this.parts.tell({ kind: 'queue', change });
    }
  }

  #put(run: JobRun, execution: JobExecution): void {
    run.put(execution);
    this.queues.put(execution);
  }
}
