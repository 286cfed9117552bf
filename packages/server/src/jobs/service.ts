import {
  type Clock,
  type JsonObject,
  type Random,
  type ThingName,
  type Transaction,
  toHex,
} from '@fleetward/core';
import type { Groups } from '../groups/index.ts';
import type { PlatformSpoke } from '../reserved-topic.ts';
import type { Things } from '../things/index.ts';
import type { Actor } from '../trail/index.ts';
import { Turns } from '../turns.ts';
import { type BookParts, JobBook } from './book.ts';
import { CampaignJobs, campaignJobPrefix } from './campaign-jobs.ts';
import { DeviceJobs } from './devices.ts';
import { JobsError } from './errors.ts';
import { changedExecution } from './execution.ts';
import { messagesOf } from './messages.ts';
import { selectThings } from './select-things.ts';
import type { ExecutionCounts, Job, JobDefinition, JobExecution, JobStore } from './store.ts';
import { type AdvanceParts, Ticker } from './ticker.ts';

export interface JobLimits {
  /** Jobs that are not over. */
  readonly openMax: number;
  /** Things of one job. */
  readonly thingsMax: number;
  /** Jobs that are over and still listed. */
  readonly keptMax: number;
  /** UTF-8 of a job's document. */
  readonly documentBytesMax: number;
  /** Pairs that a device may say of an execution. */
  readonly statusDetailsMax: number;
  /** Executions of one job that one tick changes. */
  readonly stepsPerTickMax: number;
  /** What devices said that waits to be kept. */
  readonly updatesPendingMax: number;
}

export interface JobsOptions extends BookParts {
  readonly random: Random;
  readonly clock: Clock;
  readonly things: AdvanceParts['things'] & Pick<Things, 'known'>;
  readonly groups: AdvanceParts['groups'] & Pick<Groups, 'get'>;
  readonly limits: JobLimits;
  /** Whether it is told on `$aws/events/…` what becomes of jobs; things are told of theirs in any case. */
  readonly tellsEvents: boolean;
  /** The ARN of a resource of this platform, for events. */
  readonly arnOf: (resource: string) => string;
  /** Called in the tick in which the commit is known; must not throw. */
  readonly announce: (event: PlatformSpoke) => void;
}

/** What an operator wants done; without an id one is made up. */
export interface NewJob extends JobDefinition {
  readonly jobId?: string;
  readonly document: JsonObject;
}

/** A job with how far it is. */
export interface JobView {
  readonly job: Job;
  readonly counts: ExecutionCounts;
}

type Operator = Extract<Actor, { readonly kind: 'operator' }>;

/** What devices are told to do, once each: rolled out at a rate, given up when too many fail. */
export class Jobs {
  readonly devices: DeviceJobs;
  readonly ofCampaigns: CampaignJobs;
  readonly #options: JobsOptions;
  readonly #book: JobBook;
  readonly #ticker: Ticker;
  readonly #turns = new Turns();

  private constructor(options: JobsOptions) {
    this.#options = options;
    const { random, clock, announce, arnOf, tellsEvents } = options;
    this.#book = new JobBook({
      ...options,
      tell: (news) => {
        if (!tellsEvents && news.kind !== 'queue') return;
        const eventId = () => toHex(random.bytes(16));
        const parts = { book: this.#book, eventId, arnOf, nowMs: clock.now() };
        announce({ kind: 'platform-spoke', messages: messagesOf(news, parts) });
      },
    });
    this.#ticker = new Ticker({ ...options, book: this.#book });
    const shared = {
      ...options,
      book: this.#book,
      inTurn: <Result>(work: () => Promise<Result>) => this.#inTurn(work),
    };
    this.devices = new DeviceJobs(shared);
    this.ofCampaigns = new CampaignJobs(shared);
  }

  /** Reads the jobs that are not over into memory: each goes on where it was. */
  static async open(options: JobsOptions): Promise<Jobs> {
    const jobs = new Jobs(options);
    await jobs.#book.load();
    return jobs;
  }

  get limits(): JobLimits {
    return this.#options.limits;
  }

  /** Jobs that are not over, without and with a campaign that leads them, and those that are over and still listed, things of the largest one, executions by where they are, updates that wait. */
  get counts(): Readonly<
    Record<
      'open' | 'led' | 'over' | 'largest' | 'waiting' | 'queued' | 'inProgress' | 'updatesPending',
      number
    >
  > {
    const { runs, overCount: over } = this.#book;
    const sum = (status: 'WAITING' | 'QUEUED' | 'IN_PROGRESS') =>
      runs.reduce((total, { counts }) => total + (counts.get(status) ?? 0), 0);
    return {
      open: this.#ownRuns.length,
      led: runs.length - this.#ownRuns.length,
      over,
      largest: Math.max(0, ...runs.map(({ size }) => size)),
      waiting: sum('WAITING'),
      queued: sum('QUEUED'),
      inProgress: sum('IN_PROGRESS'),
      updatesPending: this.devices.waiting,
    };
  }

  get #ownRuns() {
    return this.#book.runs.filter(({ job }) => job.campaignId === undefined);
  }

  /** Throws `jobs.exists`, `jobs.invalid`, `jobs.empty`, `jobs.limit`, or `groups.not_found`. */
  create(
    { document, jobId = toHex(this.#options.random.bytes(8)), ...wanted }: NewJob,
    by: Operator,
  ): Promise<JobView> {
    return this.#inTurn(async () => {
      const text = JSON.stringify(document);
      await this.#assertNew(jobId, { text, wanted });
      const job: Job = {
        ...wanted,
        jobId,
        document: text,
        state: 'SCHEDULED',
        isForced: false,
        pacedFromMs: 0,
        createdAtMs: this.#options.clock.now(),
        createdBy: by.operatorId,
      };
      await this.#book.add(job, { actor: by, payload: createdPayload(job) });
      await this.#begin(jobId);
      return this.#view(job);
    });
  }

  /** At once; what fails is tried again, and told, at the next tick. */
  async #begin(jobId: string): Promise<void> {
    const run = this.#book.run(jobId);
    if (run !== undefined) await this.#ticker.advance(run).catch(() => undefined);
  }

  async #assertNew(
    jobId: string,
    { text, wanted }: { readonly text: string; readonly wanted: JobDefinition },
  ): Promise<void> {
    const { store, limits } = this.#options;
    if (jobId.startsWith(campaignJobPrefix))
      throw new JobsError(
        'jobs.invalid',
        `ids that begin with \`${campaignJobPrefix}\` are for jobs that campaigns make; choose another id`,
      );
    if ((await store.job(jobId)) !== undefined)
      throw new JobsError(
        'jobs.exists',
        `there is a job \`${jobId}\` already; delete it first, or choose another id`,
      );
    if (this.#ownRuns.length >= limits.openMax)
      throw tooMany(
        `there are as many jobs that are not over as there may be (${limits.openMax})`,
        'openMax',
      );
    if (Buffer.byteLength(text) > limits.documentBytesMax)
      throw tooMany(`the document has more than ${limits.documentBytesMax} bytes`, 'documentBytesMax');
    assertDefinition(wanted);
    const { length } = await this.#assertThings(wanted);
    if (length > limits.thingsMax) throw tooMany(`the job is for ${length} things`, 'thingsMax');
  }

  async #assertThings({ target }: JobDefinition): Promise<readonly ThingName[]> {
    const { things } = this.#options;
    const missing = target.thingNames.find((name) => things.known(name) === undefined);
    if (missing !== undefined) throw new JobsError('jobs.invalid', `there is no thing \`${missing}\``);
    const names = await selectThings(target, this.#options);
    if (names.length > 0 || target.isContinuous) return names;
    throw new JobsError('jobs.empty', 'there is no thing that the job is for');
  }

  /** The newest first. */
  async list(): Promise<readonly JobView[]> {
    return Promise.all((await this.#options.store.jobs()).map((job) => this.#view(job)));
  }

  /** Throws `jobs.not_found`. */
  async get(jobId: string): Promise<JobView> {
    return this.#view(await this.#book.find(jobId));
  }

  /** Nobody begins it any more; `isForced`: who is at it does not go on either. Throws `jobs.not_found`, `jobs.state`. */
  cancel(
    { jobId, ...how }: { readonly jobId: string; readonly isForced: boolean; readonly because?: string },
    by: Operator,
  ): Promise<JobView> {
    return this.#inTurn(async () => {
      const job = await this.#book.find(jobId);
      if (job.endedAtMs !== undefined)
        throw new JobsError('jobs.state', `job \`${jobId}\` is over: ${job.state}`);
      assertNotLed(job);
      await this.#book.step(job, { event: 'cancel', actor: by, ...how });
      return this.get(jobId);
    });
  }

  /** Removes it and all its executions, bit by bit; `isForced`: also one that is not over. Throws `jobs.not_found`, `jobs.state`. */
  delete(
    { jobId, isForced }: { readonly jobId: string; readonly isForced: boolean },
    by: Operator,
  ): Promise<void> {
    return this.#inTurn(async () => {
      const job = await this.#book.find(jobId);
      assertNotLed(job);
      if (job.endedAtMs === undefined && !isForced)
        throw new JobsError(
          'jobs.state',
          `job \`${jobId}\` is not over: cancel it first, or say that it is forced`,
        );
      await this.#book.step(job, { event: 'delete', actor: by });
    });
  }

  /** Throws `jobs.not_found`. */
  async executions(range: Parameters<JobStore['executions']>[0]): Promise<readonly JobExecution[]> {
    await this.#book.find(range.jobId);
    return this.#options.store.executions(range);
  }

  executionsOf(range: Parameters<JobStore['executionsOf']>[0]): Promise<readonly JobExecution[]> {
    return this.#options.store.executionsOf(range);
  }

  /** Throws `jobs.execution_not_found`. */
  async execution(jobId: string, thingName: ThingName): Promise<JobExecution> {
    const found = await this.#options.store.execution(jobId, thingName);
    if (found !== undefined) return found;
    const message = `there is no execution of job \`${jobId}\` for thing \`${thingName}\``;
    throw new JobsError('jobs.execution_not_found', message);
  }

  /** One thing does not do it any more; `isForced`: also where it is at it. Throws `jobs.execution_not_found`, `jobs.state`. */
  cancelExecution(
    {
      jobId,
      thingName,
      isForced,
    }: { readonly jobId: string; readonly thingName: ThingName; readonly isForced: boolean },
    by: Operator,
  ): Promise<JobExecution> {
    return this.#inTurn(async () => {
      assertNotLed(await this.#book.find(jobId));
      const execution =
        this.#book.run(jobId)?.executionOf(thingName) ?? (await this.execution(jobId, thingName));
      const after = changedExecution(execution, { event: 'cancel', atMs: this.#options.clock.now() });
      const underWay = execution.status === 'IN_PROGRESS' && !isForced ? ', and its device is at it' : '';
      if (after === undefined || underWay !== '')
        throw new JobsError('jobs.state', `the execution is ${execution.status}${underWay}`);
      await this.#options.transactor.transact(async (tx) => {
        await this.#book.saveWithin(tx, [after]);
        const payload = { jobId, thingName, was: execution.status };
        await this.#options.trail.append(tx, { kind: 'job.execution_cancelled', actor: by, payload });
      });
      return after;
    });
  }

  /** Lets go of a thing that is being removed. */
  async forgetThing(tx: Transaction, thingName: ThingName): Promise<void> {
    const atMs = this.#options.clock.now();
    for (const run of this.#book.runs) {
      const execution = run.executionOf(thingName);
      const gone = execution && changedExecution(execution, { event: 'remove', atMs });
      if (gone !== undefined) await this.#book.saveWithin(tx, [gone]);
    }
  }

  /** Takes in, queues, times out, judges and ends, with bounded work for each job. Call it often. */
  advance(): Promise<void> {
    return this.#inTurn(() => this.#ticker.tick());
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#turns.take('jobs', work);
  }

  async #view(job: Job): Promise<JobView> {
    const run = this.#book.run(job.jobId);
    return { job: run?.job ?? job, counts: run?.counts ?? (await this.#options.store.counts(job.jobId)) };
  }
}

/** Throws `jobs.state` for one that a campaign is at: that is what an operator changes. */
function assertNotLed({ jobId, campaignId, endedAtMs }: Job): void {
  if (campaignId === undefined || endedAtMs !== undefined) return;
  throw new JobsError(
    'jobs.state',
    `job \`${jobId}\` is led by campaign \`${campaignId}\`: pause or cancel that`,
  );
}

const retriesMax = 10;

/** Throws `jobs.invalid`. */
function assertDefinition({ target, rate, retries }: JobDefinition): void {
  const { thingNames, groupNames, isContinuous } = target;
  if (thingNames.length + groupNames.length === 0)
    throw new JobsError('jobs.invalid', 'say for which things: their names, or groups');
  if (isContinuous && thingNames.length > 0)
    throw new JobsError('jobs.invalid', 'a continuous job is for groups: things by name never change');
  if (rate.baseRatePerMinute > rate.maximumPerMinute)
    throw new JobsError('jobs.invalid', 'the rate begins above its maximum');
  if (retries.failed + retries.timedOut > retriesMax)
    throw new JobsError('jobs.invalid', `an execution is tried again at most ${retriesMax} times in all`);
}

function createdPayload({ jobId, description, target, document, ...rest }: Job): JsonObject {
  const { rate, abort, retries, inProgressMinutes } = rest;
  const terms = { rate, abort, retries, inProgressMinutes };
  return {
    jobId,
    description,
    // Names alone could fill an entry.
    target: {
      things: target.thingNames.length,
      groupNames: [...target.groupNames],
      isContinuous: target.isContinuous,
    },
    documentBytes: Buffer.byteLength(document),
    ...(JSON.parse(JSON.stringify(terms)) as JsonObject),
  };
}

function tooMany(what: string, setting: string): JobsError {
  return new JobsError('jobs.limit', `${what} (setting \`jobs.${setting}\`)`);
}
