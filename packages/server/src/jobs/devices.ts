import type { Clock, ThingName } from '@fleetward/core';
import { Inbox } from '../inbox.ts';
import type { Things } from '../things/index.ts';
import type { JobBook } from './book.ts';
import {
  type Decision,
  type DeviceChange,
  decideStart,
  decideUpdate,
  notFound,
  type Rejection,
  type StartNext,
  type Update,
} from './decide.ts';
import { byTurn } from './execution.ts';
import { isEnd, isPending } from './rules.ts';
import type { JobExecution, JobStore } from './store.ts';

export interface DeviceJobsParts {
  readonly book: JobBook;
  readonly store: Pick<JobStore, 'execution' | 'job'>;
  readonly things: Pick<Things, 'known'>;
  readonly clock: Clock;
  readonly limits: { readonly updatesPendingMax: number };
  readonly inTurn: <Result>(work: () => Promise<Result>) => Promise<Result>;
}

/** An execution with the JSON text of its job's document. */
export interface WithDocument {
  readonly execution: JobExecution;
  readonly document: string;
}

export interface DescribeRequest {
  readonly thingName: ThingName;
  /** `$next` for the one whose turn it is. */
  readonly jobId: string;
  readonly executionNumber?: number | undefined;
}

/** What one transaction takes of what devices say. */
const changesMax = 500;

/** What devices ask of jobs, whatever protocol they speak; what a policy allows was decided before. */
export class DeviceJobs {
  readonly #parts: DeviceJobsParts;
  readonly #inbox: Inbox<DeviceChange, Decision | undefined>;

  constructor(parts: DeviceJobsParts) {
    this.#parts = parts;
    this.#inbox = new Inbox({
      waitingMax: parts.limits.updatesPendingMax,
      batchMax: changesMax,
      write: (changes) => parts.inTurn(() => this.#settle(changes)),
    });
  }

  /** What devices said that waits to be kept. */
  get waiting(): number {
    return this.#inbox.waiting;
  }

  /** In the order of their turns. */
  pending(thingName: ThingName): readonly JobExecution[] | Rejection {
    return this.#unknown(thingName) ?? this.#parts.book.liveQueue(thingName);
  }

  /** `undefined` execution: there is none. Resolves when it is durable. */
  async startNext(asked: StartNext): Promise<WithDocument | Rejection | undefined> {
    const unknown = this.#unknown(asked.thingName);
    if (unknown !== undefined) return unknown;
    const decision = await this.#inbox.put(asked);
    return decision?.kind === 'started' && decision.execution !== undefined
      ? this.#withDocument(decision.execution)
      : undefined;
  }

  async describe(asked: DescribeRequest): Promise<WithDocument | Rejection | undefined> {
    const { thingName, jobId, executionNumber } = asked;
    const { book } = this.#parts;
    const unknown = this.#unknown(thingName);
    if (unknown !== undefined) return unknown;
    const [next] = jobId === '$next' ? book.liveQueue(thingName) : [];
    if (jobId === '$next' && next === undefined) return undefined;
    const execution = next ?? (await this.#find(asked));
    if (execution === undefined || execution.status === 'WAITING' || book.isHeld(execution))
      return noExecution(asked);
    if (executionNumber !== undefined && executionNumber !== execution.executionNumber)
      return notFound(`there is no execution ${executionNumber} of job ${execution.jobId} for this thing`);
    if (isEnd(execution.status))
      return {
        kind: 'rejected',
        code: 'TerminalStateReached',
        message: `the job execution is ${execution.status}`,
        execution,
      };
    return this.#withDocument(execution);
  }

  /** Resolves when it is durable. */
  async update(asked: Update): Promise<WithDocument | Rejection> {
    const unknown = this.#unknown(asked.thingName);
    if (unknown !== undefined) return unknown;
    const decision = (await this.#inbox.put(asked)) ?? (await this.#decideOfEnded(asked));
    if (decision.kind === 'updated') return this.#withDocument(decision.execution);
    return decision.kind === 'rejected' ? decision : noExecution(asked);
  }

  #unknown(thingName: ThingName): Rejection | undefined {
    return this.#parts.things.known(thingName) === undefined
      ? notFound(`there is no thing ${thingName}`)
      : undefined;
  }

  #find({ thingName, jobId }: Pick<Update, 'thingName' | 'jobId'>): Promise<JobExecution | undefined> {
    const open = this.#parts.book.queues.get(thingName, jobId);
    return open === undefined ? this.#parts.store.execution(jobId, thingName) : Promise.resolve(open);
  }

  /** What is over is not in memory; nothing comes of it any more. */
  async #decideOfEnded(asked: Update): Promise<Decision> {
    const execution = await this.#find(asked);
    if (execution === undefined || execution.status === 'WAITING') return noExecution(asked);
    return decideUpdate(execution, { asked, isLive: true, atMs: this.#parts.clock.now() });
  }

  async #withDocument(execution: JobExecution): Promise<WithDocument | Rejection> {
    const { book, store } = this.#parts;
    const job = book.run(execution.jobId)?.job ?? (await store.job(execution.jobId));
    return job === undefined ? noExecution(execution) : { execution, document: job.document };
  }

  /** All in one transaction; each is decided upon what those before it made. `undefined`: it is not open. */
  async #settle(changes: readonly DeviceChange[]): Promise<readonly (Decision | undefined)[]> {
    const { book, clock } = this.#parts;
    const changed = new Map<string, JobExecution>();
    const atMs = clock.now();
    const decisions = changes.map((asked) => {
      const decision = this.#decide(asked, { changed, atMs });
      const after = keptOf(decision);
      if (after !== undefined)
        changed.set(keyOf(after), book.run(after.jobId)?.settled(after, atMs) ?? after);
      return decision;
    });
    if (changed.size > 0) await book.save([...changed.values()]);
    return decisions;
  }

  #decide(
    asked: DeviceChange,
    { changed, atMs }: { readonly changed: ReadonlyMap<string, JobExecution>; readonly atMs: number },
  ): Decision | undefined {
    const { book } = this.#parts;
    const now = (execution: JobExecution) => changed.get(keyOf(execution)) ?? execution;
    if (asked.kind === 'start-next') {
      const queue = book.queues.pending(asked.thingName).map(now);
      const live = queue.filter((one) => isPending(one.status) && book.isLive(one)).sort(byTurn);
      return decideStart(live, asked, atMs);
    }
    const open = book.queues.get(asked.thingName, asked.jobId);
    if (open === undefined) return undefined;
    const execution = now(open);
    const isLive = isEnd(execution.status) || book.isLive(execution);
    return decideUpdate(execution, { asked, isLive, atMs });
  }
}

function keptOf(decision: Decision | undefined): JobExecution | undefined {
  if (decision?.kind === 'updated') return decision.execution;
  return decision?.kind === 'started' && decision.isChanged ? decision.execution : undefined;
}

function keyOf({ jobId, thingName }: JobExecution): string {
  return `${jobId} ${thingName}`;
}

function noExecution({ jobId }: { readonly jobId: string }): Rejection {
  return notFound(`there is no execution of job ${jobId} for this thing`);
}
