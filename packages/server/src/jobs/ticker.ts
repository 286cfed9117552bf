import { AppError, type ThingName } from '@fleetward/core';
import { brokenRule } from '../abort-rule.ts';
import type { Groups } from '../groups/index.ts';
import type { Things } from '../things/index.ts';
import type { JobBook } from './book.ts';
import { endedOf } from './rollout.ts';
import type { JobRun } from './run.ts';
import { selectThings } from './select-things.ts';
import type { JobExecution } from './store.ts';

export interface AdvanceParts {
  readonly book: JobBook;
  readonly things: Pick<Things, 'known' | 'revision'>;
  readonly groups: Pick<Groups, 'members' | 'isDynamic' | 'revision'>;
  readonly limits: { readonly thingsMax: number; readonly keptMax: number; readonly stepsPerTickMax: number };
}

const system = { kind: 'system' } as const;
/** How often it is looked for things that have come to the groups of a continuous job, or left them. */
const joinEveryMs = 10_000;

/** What moves jobs on by themselves: a bounded number of steps of each at every tick. */
export class Ticker {
  readonly #parts: AdvanceParts;
  /** Things that have yet to be taken in, by job. */
  readonly #gathering = new Map<string, ThingName[]>();
  readonly #looked = new Map<string, { readonly revision: string; readonly atMs: number }>();

  constructor(parts: AdvanceParts) {
    this.#parts = parts;
  }

  /** A job that cannot go on holds up no other; the first failure is thrown once all had their turn. */
  async tick(): Promise<void> {
    const { book, limits } = this.#parts;
    const failures: unknown[] = [];
    for (const run of book.runs) await this.advance(run).catch((cause: unknown) => failures.push(cause));
    const goner = book.goner(limits.keptMax);
    if (goner !== undefined) await book.forget(goner, limits.stepsPerTickMax);
    if (failures.length > 0) throw failures[0];
  }

  /** One job alone, as at a tick. */
  async advance(run: JobRun): Promise<void> {
    await this.#timeOut(run);
    switch (run.job.state) {
      case 'SCHEDULED':
        return this.#gather(run);
      case 'IN_PROGRESS':
        // What a campaign leads has no roll-out of its own.
        return run.job.campaignId === undefined ? this.#goOn(run) : undefined;
      default:
        return this.#windUp(run);
    }
  }

  /** Takes the things in, some at each tick; after a crash it begins again with those that are missing. */
  async #gather(run: JobRun): Promise<void> {
    const { book } = this.#parts;
    let left = this.#gathering.get(run.job.jobId);
    if (left === undefined) {
      const targets = await this.#targetsOrCancel(run);
      if (targets === undefined) return;
      left = this.#missing(run, targets);
    }
    this.#gathering.set(run.job.jobId, left);
    await this.#takeIn(run, left);
    if (left.length > 0) return;
    this.#gathering.delete(run.job.jobId);
    await book.step(run.job, { event: 'gathered', actor: system });
    await this.#goOn(run);
  }

  /** The things it is for, as they are now; where a group is no more, its job stops and says so instead of failing each second. */
  async #targetsOrCancel(run: JobRun): Promise<readonly ThingName[] | undefined> {
    const { book, things, groups } = this.#parts;
    try {
      return await selectThings(run.job.target, { things, groups });
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const because = `its things cannot be told any more: ${error.message}`;
      await book.step(run.job, { event: 'cancel', actor: system, because });
      return undefined;
    }
  }

  #missing(run: JobRun, targets: readonly ThingName[]): ThingName[] {
    const room = Math.max(0, this.#parts.limits.thingsMax - run.size);
    return targets.filter((name) => !run.isMember(name)).slice(0, room);
  }

  /** Takes some of the names out of the list, as new executions. */
  async #takeIn({ job }: JobRun, names: ThingName[]): Promise<void> {
    const { book, limits } = this.#parts;
    const some = names.slice(0, limits.stepsPerTickMax);
    const positions = book.takePositions(some.length);
    const atMs = book.parts.clock.now();
    const executions = some.map((thingName, at): JobExecution => {
      return {
        ...fresh,
        jobId: job.jobId,
        thingName,
        position: positions[at]!,
        queuedAtMs: atMs,
        lastUpdatedAtMs: atMs,
      };
    });
    if (executions.length > 0) await book.save(executions);
    names.splice(0, some.length);
  }

  async #timeOut(run: JobRun): Promise<void> {
    const { book, limits } = this.#parts;
    const executions = run.timeOuts({ nowMs: book.parts.clock.now(), max: limits.stepsPerTickMax });
    if (executions.length === 0) return;
    try {
      await book.save(executions);
    } catch (error) {
      run.rewatch(executions);
      throw error;
    }
  }

  /** Stops by itself before anything more is queued. */
  async #goOn(run: JobRun): Promise<void> {
    const { book, limits } = this.#parts;
    const because = brokenRule(run.job.abort, endedOf(run.counts));
    if (because !== undefined) return book.step(run.job, { event: 'cancel', actor: system, because });
    if (run.job.target.isContinuous) await this.#follow(run);
    if (run.job.state !== 'IN_PROGRESS') return;
    const { executions, pacedFromMs } = run.turns({
      nowMs: book.parts.clock.now(),
      max: limits.stepsPerTickMax,
    });
    if (executions.length > 0) await book.save(executions, { jobId: run.job.jobId, pacedFromMs });
    if (run.open === 0 && !run.job.target.isContinuous)
      await book.step(run.job, { event: 'complete', actor: system });
  }

  /** Things that came to the groups since join, and those that left are let go; looked for when something has changed, and not too often. */
  async #follow(run: JobRun): Promise<void> {
    const { book, things, groups, limits } = this.#parts;
    const { jobId, target } = run.job;
    const revision = `${things.revision} ${groups.revision}`;
    const nowMs = book.parts.clock.now();
    const looked = this.#looked.get(jobId);
    if (looked !== undefined && nowMs - looked.atMs < joinEveryMs) return;
    if (looked?.revision === revision && !target.groupNames.some((name) => groups.isDynamic(name))) return;
    const names = await this.#targetsOrCancel(run);
    if (names === undefined) return;
    const missing = this.#missing(run, names);
    const targets = new Set(names);
    const strangers = run.strangers((name) => targets.has(name), { nowMs, max: limits.stepsPerTickMax });
    if (strangers.length > 0) await book.save(strangers);
    await this.#takeIn(run, missing);
    // Those that are left are found again.
    if (missing.length === 0 && strangers.length < limits.stepsPerTickMax)
      this.#looked.set(jobId, { revision, atMs: nowMs });
  }

  /** After a stop: lets go of what no device has begun, and ends when the others have. */
  async #windUp(run: JobRun): Promise<void> {
    const { book, limits } = this.#parts;
    const executions = run.leftovers({ nowMs: book.parts.clock.now(), max: limits.stepsPerTickMax });
    if (executions.length > 0) await book.save(executions);
    await book.end(run);
    this.#looked.delete(run.job.jobId);
    this.#gathering.delete(run.job.jobId);
  }
}

const fresh = {
  status: 'WAITING',
  statusDetails: {},
  executionNumber: 1,
  versionNumber: 0,
  failures: 0,
  timeOuts: 0,
} as const satisfies Partial<JobExecution>;

/** Of the group that it is for, or of its query; anything else may pass. */
function isRefusal(error: unknown): error is AppError {
  return error instanceof AppError && /^(groups|search)\./.test(error.code);
}
