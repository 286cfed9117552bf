import type { Transaction, Transactor } from '@fleetward/core';
import { executionSteps, isEnd } from '../../src/jobs/rules.ts';
import type { ExecutionCounts, Job, JobExecution, JobStore } from '../../src/jobs/store.ts';

/** Records in memory with real transactions: what is rolled back was never there. Refuses a step that the table does not have. */
export class MemoryJobs implements JobStore {
  readonly #jobs = new Map<string, Job>();
  readonly #executions = new Map<string, JobExecution>();
  /** The next transactions that fail at their end. */
  failures = 0;

  readonly transactor: Transactor = {
    transact: async (work) => {
      const undo: (() => void)[] = [];
      const effects: (() => void)[] = [];
      const tx = { afterCommit: (effect: () => void) => void effects.push(effect), undo };
      try {
        const result = await work(tx as unknown as Transaction);
        await Promise.resolve();
        if (this.failures > 0) {
          this.failures--;
          throw new Error('the disk is full');
        }
        for (const effect of effects) effect();
        return result;
      } catch (error) {
        for (const step of undo.reverse()) step();
        throw error;
      }
    },
  };

  async add(tx: Transaction, job: Job): Promise<void> {
    this.#set(tx, this.#jobs, job.jobId, job);
  }

  async update(tx: Transaction, job: Job): Promise<void> {
    this.#set(tx, this.#jobs, job.jobId, job);
  }

  async remove(tx: Transaction, { jobId, executionsMax }: { jobId: string; executionsMax: number }) {
    const some = [...this.#executions].filter(([, one]) => one.jobId === jobId);
    for (const [key] of some.slice(0, executionsMax)) this.#set(tx, this.#executions, key, undefined);
    if (some.length >= executionsMax) return false;
    this.#set(tx, this.#jobs, jobId, undefined);
    return true;
  }

  async jobs(): Promise<readonly Job[]> {
    return [...this.#jobs.values()].toSorted((a, b) => b.createdAtMs - a.createdAtMs);
  }

  async job(jobId: string): Promise<Job | undefined> {
    return this.#jobs.get(jobId);
  }

  async saveExecutions(tx: Transaction, executions: readonly JobExecution[]): Promise<void> {
    for (const execution of executions) {
      const key = keyOf(execution.jobId, execution.thingName);
      const before = this.#executions.get(key);
      if (before !== undefined && before.versionNumber >= execution.versionNumber) continue;
      assertStep(before, execution);
      this.#set(tx, this.#executions, key, execution);
    }
  }

  async executions(range: Parameters<JobStore['executions']>[0]): Promise<readonly JobExecution[]> {
    const { jobId, status, after = 0, limit } = range;
    return this.all()
      .filter((one) => one.jobId === jobId && one.position > after)
      .filter((one) => status === undefined || one.status === status)
      .toSorted((a, b) => a.position - b.position)
      .slice(0, limit);
  }

  async executionsOf(range: Parameters<JobStore['executionsOf']>[0]): Promise<readonly JobExecution[]> {
    const { thingName, before = Number.POSITIVE_INFINITY, limit } = range;
    return this.all()
      .filter((one) => one.thingName === thingName && one.position < before)
      .toSorted((a, b) => b.position - a.position)
      .slice(0, limit);
  }

  async execution(jobId: string, thingName: string): Promise<JobExecution | undefined> {
    return this.#executions.get(keyOf(jobId, thingName));
  }

  async lastPosition(): Promise<number> {
    return Math.max(0, ...this.all().map(({ position }) => position));
  }

  async counts(jobId: string): Promise<ExecutionCounts> {
    const counts = new Map<JobExecution['status'], number>();
    for (const one of this.all())
      if (one.jobId === jobId) counts.set(one.status, (counts.get(one.status) ?? 0) + 1);
    return counts;
  }

  all(): JobExecution[] {
    return [...this.#executions.values()];
  }

  #set<Value>(tx: Transaction, map: Map<string, Value>, key: string, value: Value | undefined): void {
    const before = map.get(key);
    const put = (what: Value | undefined) => (what === undefined ? map.delete(key) : map.set(key, what));
    put(value);
    (tx as unknown as { undo: (() => void)[] }).undo.push(() => put(before));
  }
}

/** Each step is one of the table, or two where an attempt ended and the next took its place; a campaign makes the next attempt later. */
function assertStep(before: JobExecution | undefined, after: JobExecution): void {
  const isLed = after.jobId.startsWith('AFR_OTA-');
  const wrong = (what: string) => new Error(`${after.jobId} ${after.thingName}: ${what}`);
  if (before === undefined) {
    if (after.status !== (isLed ? 'QUEUED' : 'WAITING')) throw wrong(`begins as ${after.status}`);
    return;
  }
  if (isLed && 'retry' in executionSteps[before.status]) {
    const isNext = after.status === 'QUEUED' && after.executionNumber > before.executionNumber;
    if (!isNext) throw wrong(`goes from ${before.status} to ${after.status} ${after.executionNumber}`);
    return;
  }
  if (isEnd(before.status)) throw wrong(`goes from the end ${before.status} to ${after.status}`);
  const reached: readonly string[] = Object.values(executionSteps[before.status]);
  const isRetry = after.executionNumber === before.executionNumber + 1 && after.status === 'QUEUED';
  if (!reached.includes(after.status) && !isRetry)
    throw wrong(`goes from ${before.status} to ${after.status}`);
  if (before.status === 'IN_PROGRESS' && after.status === 'QUEUED' && !isRetry)
    throw wrong('is given out again');
}

function keyOf(jobId: string, thingName: string): string {
  return `${jobId} ${thingName}`;
}
