import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isEnd } from '../../src/jobs/rules.ts';
import type { JobExecution } from '../../src/jobs/store.ts';
import { ada, type Fleet, openFleet } from './fleet.ts';

type Move =
  | { readonly kind: 'create' | 'cancel' | 'force' | 'delete'; readonly job: number }
  | { readonly kind: 'tick'; readonly minutes: number }
  | { readonly kind: 'run'; readonly thing: number; readonly outcome: Outcome }
  | { readonly kind: 'race'; readonly thing: number }
  | { readonly kind: 'restart' | 'fail' | 'join' };
type Outcome = 'SUCCEEDED' | 'FAILED' | 'REJECTED' | 'lost';

const thing = fc.nat({ max: 3 });
const job = fc.nat({ max: 2 });
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('create' as const), job }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('cancel' as const, 'force' as const, 'delete' as const),
      job,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('tick' as const), minutes: fc.constantFrom(0, 1, 6) }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('run' as const),
      thing,
      outcome: fc.constantFrom<Outcome>('SUCCEEDED', 'FAILED', 'REJECTED', 'lost'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('race' as const), thing }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom('restart' as const, 'fail' as const, 'join' as const) }),
  },
);

/** What devices did: the attempts that they began, by what was accepted of them. */
class Devices {
  readonly #fleet: Fleet;
  readonly #begun = new Map<string, string>();
  readonly #succeeded = new Set<string>();
  readonly #generation = new Map<string, number>();

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** A deleted job may come again under its id, and is another one then. */
  made(jobId: string): void {
    this.#generation.set(jobId, (this.#generation.get(jobId) ?? 0) + 1);
  }

  /** Several processes of one device see the same job and claim it; only whoever was accepted executes it. */
  async race(at: number): Promise<void> {
    const { devices } = this.#fleet.jobs;
    const thingName = this.#fleet.names[at]!;
    const seen = await devices.describe({ thingName, jobId: '$next' });
    if (seen === undefined || 'kind' in seen || seen.execution.status !== 'QUEUED') return;
    const { jobId, versionNumber: expectedVersion } = seen.execution;
    const claim = { kind: 'update', thingName, jobId, status: 'IN_PROGRESS', expectedVersion } as const;
    const claims = await Promise.allSettled([1, 2, 3].map(() => devices.update(claim)));
    for (const [process, claimed] of claims.entries())
      if (claimed.status === 'fulfilled' && !('kind' in claimed.value))
        this.#begin(claimed.value.execution, `process ${process}`);
  }

  /** The device asks, begins what is new to it, and says how it ended; `lost`: the power goes before that. */
  async run(at: number, outcome: Outcome): Promise<void> {
    const { devices } = this.#fleet.jobs;
    const thingName = this.#fleet.names[at]!;
    const got = await devices.startNext({ kind: 'start-next', thingName }).catch(() => undefined);
    if (got === undefined || 'kind' in got) return;
    const { execution } = got;
    expect(this.#succeeded.has(this.#keyOf(execution))).toBe(false);
    this.#begin(execution, 'itself');
    if (outcome === 'lost') return;
    const { jobId, executionNumber } = execution;
    const said = { kind: 'update', thingName, jobId, executionNumber, status: outcome } as const;
    const told = await devices.update(said).catch(() => undefined);
    if (told !== undefined && !('kind' in told) && outcome === 'SUCCEEDED')
      this.#succeeded.add(this.#keyOf(execution));
  }

  /** Each attempt begins once; its device may find it under way again, and is the same one then. */
  #begin(execution: JobExecution, by: string): void {
    const attempt = this.#attemptOf(execution);
    if (by !== 'itself') expect(this.#begun.has(attempt), `${attempt} is begun twice`).toBe(false);
    this.#begun.set(attempt, by);
  }

  #attemptOf(execution: JobExecution): string {
    return `${this.#keyOf(execution)} ${execution.executionNumber}`;
  }

  #keyOf({ jobId, thingName }: JobExecution): string {
    return `${jobId}/${this.#generation.get(jobId)} ${thingName}`;
  }
}

async function play(fleet: Fleet, devices: Devices, move: Move): Promise<void> {
  const { jobs } = fleet;
  switch (move.kind) {
    case 'create': {
      const jobId = `job-${move.job}`;
      const target = { thingNames: [], groupNames: [...fleet.groups.keys()], isContinuous: move.job === 1 };
      const retries = { failed: 1, timedOut: 1 };
      const abort = [{ failure: 'ALL', executedMin: 6, percent: 90 }] as const;
      await fleet.create(jobId, { target, retries, abort, inProgressMinutes: 5 });
      return devices.made(jobId);
    }
    case 'cancel':
    case 'force':
      await jobs.cancel({ jobId: `job-${move.job}`, isForced: move.kind === 'force' }, ada);
      return;
    case 'delete':
      return jobs.delete({ jobId: `job-${move.job}`, isForced: true }, ada);
    case 'tick':
      return fleet.tick(1_000 + move.minutes * 60_000);
    case 'run':
      return devices.run(move.thing, move.outcome);
    case 'race':
      return devices.race(move.thing);
    case 'restart':
      return fleet.restart();
    case 'fail':
      fleet.records.failures = 1;
      return;
    case 'join':
      return fleet.join(`newcomer-${fleet.records.all().length}`);
  }
}

async function assertSums(fleet: Fleet): Promise<void> {
  for (const { job, counts } of await fleet.jobs.list()) {
    const summed = Object.fromEntries([...counts].filter(([, count]) => count > 0));
    expect(summed).toEqual(fleet.statuses(job.jobId));
  }
}

test('whatever is lost, fails, restarts or is cancelled: an attempt is claimed once, a success is the last, and the counts add up', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(move, { minLength: 5, maxLength: 80 }), async (moves) => {
      const fleet = await openFleet({ things: 4, limits: { stepsPerTickMax: 2 } });
      const devices = new Devices(fleet);
      for (const each of moves) {
        // A refusal, or the failure of the disk that was asked for.
        await play(fleet, devices, each).catch((error: unknown) => {
          if (!/disk|job|thing/.test(String(error)) || /expect/.test(String(error))) throw error;
        });
        await assertSums(fleet);
      }
      fleet.records.failures = 0;
      await fleet.restart();
      for (let round = 0; round < 40; round++) {
        await fleet.tick(60_000);
        for (const at of fleet.names.keys()) await devices.run(at, 'SUCCEEDED');
      }
      await assertSums(fleet);
      const left = fleet.records.all().filter(({ status }) => !isEnd(status));
      expect(left.filter(({ thingName }) => fleet.names.includes(thingName))).toEqual([]);
    }),
    { numRuns: 150 },
  );
});
