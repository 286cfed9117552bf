import type { Clock, JsonObject, ThingName } from '@fleetward/core';
import type { Things } from '../things/index.ts';
import type { JobBook } from './book.ts';
import { changedExecution } from './execution.ts';
import type { ExecutionEvent, JobEvent } from './rules.ts';
import type { Job, JobExecution } from './store.ts';

/** As AWS IoT names jobs of its OTA updates. */
export const campaignJobPrefix = 'AFR_OTA-';

/** What a campaign wants a thing to have of its job. */
export type WantedExecution =
  /** To begin it, or to go on with it, as this attempt. */
  | { readonly kind: 'offered'; readonly attempt: number }
  /** Not to begin it just now. */
  | { readonly kind: 'held' }
  /** Not to go on with this attempt; there may be another. */
  | { readonly kind: 'given-up' }
  | { readonly kind: 'over' };

/** What a campaign tells of itself for its job. */
export interface CampaignJob {
  readonly campaignId: string;
  readonly description: string;
  readonly document: JsonObject;
  /** Operator id. */
  readonly createdBy: string;
}

export interface CampaignJobsParts {
  readonly book: JobBook;
  readonly clock: Clock;
  readonly things: Pick<Things, 'known'>;
  readonly inTurn: <Result>(work: () => Promise<Result>) => Promise<Result>;
}

const system = { kind: 'system' } as const;

/** Jobs that campaigns lead: one for each, whose executions are what its things are offered now. */
export class CampaignJobs {
  readonly #parts: CampaignJobsParts;

  constructor(parts: CampaignJobsParts) {
    this.#parts = parts;
  }

  /** Ids of the campaigns whose jobs are not over. */
  get campaignIds(): readonly string[] {
    return this.#parts.book.runs.flatMap(({ job }) => job.campaignId ?? []);
  }

  has(campaignId: string): boolean {
    return this.#run(campaignId) !== undefined;
  }

  /** By its name, what a thing has, or had and `letGo` was not said of. */
  executionsBy(campaignId: string): (thingName: ThingName) => JobExecution | undefined {
    const run = this.#run(campaignId);
    return (thingName) => run?.lastOf(thingName);
  }

  executions(campaignId: string): Iterable<JobExecution> {
    return this.#run(campaignId)?.last() ?? [];
  }

  begin({ document, ...told }: CampaignJob): Promise<void> {
    const { book, clock, inTurn } = this.#parts;
    const job: Job = {
      ...standard,
      ...told,
      jobId: jobIdOf(told.campaignId),
      document: JSON.stringify(document),
      createdAtMs: clock.now(),
    };
    const { jobId, campaignId, description } = job;
    const payload = { jobId, campaignId: campaignId ?? '', description, document };
    return inTurn(() => book.add(job, { actor: system, payload }));
  }

  /** Makes executions what is wanted, one step of each; a thing that had one and was let go gets no other. */
  correct(campaignId: string, wanted: ReadonlyMap<ThingName, WantedExecution>): Promise<void> {
    const { book, clock, things, inTurn } = this.#parts;
    return inTurn(async () => {
      const run = this.#run(campaignId);
      if (run?.job.state !== 'IN_PROGRESS') return;
      const atMs = clock.now();
      const changed: JobExecution[] = [];
      for (const [thingName, want] of wanted) {
        const isNew =
          !run.isMember(thingName) && want.kind === 'offered' && things.known(thingName) !== undefined;
        const before = isNew ? this.#fresh(run.job, thingName) : run.lastOf(thingName);
        const after = before && correctedExecution(before, want, atMs);
        if (after !== undefined) changed.push(after);
      }
      if (changed.length > 0) await book.save(changed);
    });
  }

  #fresh({ jobId }: Job, thingName: ThingName): JobExecution {
    const [position = 0] = this.#parts.book.takePositions(1);
    return { ...fresh, jobId, thingName, position };
  }

  /** The campaign has taken in how it ended. */
  letGo({ jobId, thingName }: JobExecution): void {
    this.#parts.book.run(jobId)?.letGo(thingName);
  }

  /** Nothing of it is open any more. `cancel`: it did not come to its own end. */
  end(campaignId: string, event: Extract<JobEvent, 'complete' | 'cancel'>): Promise<void> {
    const { book, inTurn } = this.#parts;
    return inTurn(async () => {
      const run = this.#run(campaignId);
      if (run?.job.state !== 'IN_PROGRESS' || run.open > 0) return;
      const because = event === 'cancel' ? { because: `campaign \`${campaignId}\` did not complete` } : {};
      await book.step(run.job, { event, actor: system, ...because });
    });
  }

  #run(campaignId: string) {
    const run = this.#parts.book.run(jobIdOf(campaignId));
    return run?.job.campaignId === campaignId ? run : undefined;
  }
}

function jobIdOf(campaignId: string): string {
  return `${campaignJobPrefix}${campaignId}`;
}

/** The execution after the next step towards what is wanted; `undefined` where it is that, or nothing leads there. */
export function correctedExecution(
  execution: JobExecution,
  wanted: WantedExecution,
  atMs: number,
): JobExecution | undefined {
  const event = eventTowards(execution, wanted);
  const after =
    event && changedExecution(execution, { event, atMs, ...(isAnew(event) ? { statusDetails: {} } : {}) });
  if (after === undefined || wanted.kind !== 'offered' || !isAnew(event)) return after;
  const { startedAtMs: _started, ...anew } = after;
  return { ...anew, executionNumber: wanted.attempt, queuedAtMs: atMs };
}

function isAnew(event: ExecutionEvent | undefined): boolean {
  return event === 'queue' || event === 'retry';
}

function eventTowards(
  { status, executionNumber }: JobExecution,
  wanted: WantedExecution,
): ExecutionEvent | undefined {
  if (wanted.kind === 'over') return 'cancel';
  const isEarlier = wanted.kind === 'offered' && executionNumber < wanted.attempt;
  switch (status) {
    case 'WAITING':
      return wanted.kind === 'offered' ? 'queue' : undefined;
    case 'QUEUED':
      return wanted.kind === 'offered' && !isEarlier ? undefined : 'withdraw';
    case 'IN_PROGRESS':
      return isEarlier || wanted.kind === 'given-up' ? 'timeOut' : undefined;
    default:
      // What was rejected, or was let go, the table does not try again.
      return isEarlier ? 'retry' : undefined;
  }
}

const fresh = {
  status: 'WAITING',
  statusDetails: {},
  executionNumber: 0,
  versionNumber: 0,
  failures: 0,
  timeOuts: 0,
  queuedAtMs: 0,
  lastUpdatedAtMs: 0,
} as const satisfies Partial<JobExecution>;

/** A campaign has its own pace, limits of time and retries. */
const standard = {
  target: { thingNames: [], groupNames: [], isContinuous: true },
  rate: { baseRatePerMinute: 1_000, incrementFactor: 1, maximumPerMinute: 1_000 },
  abort: [],
  retries: { failed: 0, timedOut: 0 },
  state: 'IN_PROGRESS',
  isForced: false,
  pacedFromMs: 0,
} as const satisfies Partial<Job>;
