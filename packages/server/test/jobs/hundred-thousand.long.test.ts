import { seededRandom, temporaryFolder } from '@fleetward/testkit';
import { expect, test } from 'vitest';
import type { ToldStatus } from '../../src/jobs/decide.ts';
import { executionStatuses } from '../../src/jobs/rules.ts';
import { openStorage } from '../../src/storage/index.ts';
import { type Fleet, minuteMs, openFleet } from './fleet.ts';

const things = 100_000;
/** Of the last three of fifty; the third is never heard of again. */
const others: readonly (ToldStatus | undefined)[] = ['FAILED', 'REJECTED', undefined];

/** Each device asks what is next, and says after a while how it went; some are never heard of again. */
async function act(fleet: Fleet, due: Map<number, number[]>, second: number): Promise<void> {
  const { devices } = fleet.jobs;
  await Promise.all(
    (due.get(second) ?? []).map(async (at) => {
      const thingName = fleet.names[at]!;
      const got = await devices.startNext({ kind: 'start-next', thingName });
      if (got === undefined || 'kind' in got) return;
      const { jobId, executionNumber } = got.execution;
      const status = at % 50 < 47 ? 'SUCCEEDED' : others[(at % 50) - 47];
      if (status === undefined) return;
      await devices.update({ kind: 'update', thingName, jobId, executionNumber, status });
    }),
  );
  due.delete(second);
}

test('100,000 devices do a job on real records, each comes to one end, and the counts add up', async () => {
  await using disposal = new AsyncDisposableStack();
  const folder = disposal.use(temporaryFolder('fleetward-jobs-'));
  const limits = { transactionMs: 60_000, transactionsPendingMax: 100 };
  const { stores, transactor, close } = await openStorage({ kind: 'sqlite', folder: folder.path, ...limits });
  disposal.defer(close);
  const random = seededRandom(4_711);
  const due = new Map<number, number[]>();
  const kept = { store: stores.jobs, transactor };
  const fleet = await openFleet({ things, kept, limits: { stepsPerTickMax: 5_000 } });
  await fleet.create('one', { inProgressMinutes: 5, retries: { failed: 1, timedOut: 0 } });
  const plan = (second: number, at: number) => due.set(second, [...(due.get(second) ?? []), at]);
  for (const at of fleet.names.keys()) {
    const second = 130 + ((random.bytes(1)[0] ?? 0) % 60);
    plan(second, at);
    // Who failed is asked again.
    plan(second + 90, at);
  }
  for (let second = 0; second < 300; second++) {
    await fleet.tick();
    await act(fleet, due, second);
    if (second === 150) await fleet.restart();
  }
  await fleet.tick(6 * minuteMs, 25);
  const { job, counts } = await fleet.jobs.get('one');
  expect(job.state).toBe('COMPLETED');
  expect(Object.fromEntries(counts)).toEqual({
    SUCCEEDED: 94_000,
    FAILED: 2_000,
    REJECTED: 2_000,
    TIMED_OUT: 2_000,
  });
  expect(await stores.jobs.counts('one')).toEqual(new Map([...counts].filter(([, count]) => count > 0)));
  expect([...counts.keys()].every((status) => executionStatuses.includes(status))).toBe(true);
});
