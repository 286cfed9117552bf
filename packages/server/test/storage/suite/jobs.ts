import { parseGroupName, parseThingName } from '@fleetward/core';
import { expect, test } from 'vitest';
import type { Job, JobExecution } from '../../../src/jobs/store.ts';
import type { Opened } from './backend.ts';

export function describeJobs(opened: () => Opened): void {
  const job = (jobId: string, changes: Partial<Job> = {}): Job => ({
    jobId,
    document: '{"operation":"reboot","é":1e21}',
    description: 'spring',
    target: {
      thingNames: [parseThingName('lamp')],
      groupNames: [parseGroupName('lamps')],
      isContinuous: false,
    },
    rate: {
      baseRatePerMinute: 1,
      incrementFactor: 1.5,
      increaseAfter: { of: 'notified', count: 3 },
      maximumPerMinute: 9,
    },
    abort: [{ failure: 'ALL', executedMin: 10, percent: 5 }],
    inProgressMinutes: 5,
    retries: { failed: 1, timedOut: 2 },
    campaignId: 'c1',
    state: 'SCHEDULED',
    isForced: false,
    pacedFromMs: 3,
    createdAtMs: 5,
    createdBy: 'ada',
    ...changes,
  });
  const execution = (position: number, jobId: string, changes: Partial<JobExecution> = {}): JobExecution => ({
    jobId,
    thingName: parseThingName(`thing-${position}`),
    status: 'WAITING',
    statusDetails: {},
    position,
    executionNumber: 1,
    versionNumber: 0,
    failures: 0,
    timeOuts: 0,
    queuedAtMs: 1,
    lastUpdatedAtMs: 1,
    ...changes,
  });

  test('a job comes back as it was added, and as it was changed', async () => {
    const { stores, transact } = opened();
    await transact((tx) => stores.jobs.add(tx, job('first')));
    expect(await stores.jobs.job('first')).toEqual(job('first'));
    const changed = job('first', {
      state: 'CANCELED',
      isForced: true,
      pacedFromMs: 8,
      because: 'too many',
      endedAtMs: 9,
    });
    await transact((tx) => stores.jobs.update(tx, changed));
    expect(await stores.jobs.job('first')).toEqual(changed);
    await transact((tx) => stores.jobs.add(tx, job('second', { createdAtMs: 6 })));
    expect((await stores.jobs.jobs()).map(({ jobId }) => jobId)).toEqual(['second', 'first']);
    expect(await stores.jobs.job('third')).toBeUndefined();
  });

  test('executions are added in more than one statement, read in pages, and changed by a higher version only', async () => {
    const { stores, transact } = opened();
    await transact((tx) => stores.jobs.add(tx, job('many')));
    const executions = Array.from({ length: 1_100 }, (_, at) => execution(10_000 + at, 'many'));
    await transact((tx) => stores.jobs.saveExecutions(tx, executions));
    const page = await stores.jobs.executions({ jobId: 'many', limit: 1_000 });
    expect(page).toEqual(executions.slice(0, 1_000));
    const after = page.at(-1)!.position;
    expect(await stores.jobs.executions({ jobId: 'many', after, limit: 1_000 })).toHaveLength(100);
    const changed = execution(10_007, 'many', {
      status: 'IN_PROGRESS',
      statusDetails: { step: 'ü' },
      executionNumber: 2,
      versionNumber: 5,
      failures: 1,
      timeOuts: 1,
      queuedAtMs: 6,
      startedAtMs: 7,
      lastUpdatedAtMs: 8,
      stepDueMs: 9,
    });
    await transact((tx) => stores.jobs.saveExecutions(tx, [changed]));
    await transact((tx) => stores.jobs.saveExecutions(tx, [{ ...changed, status: 'FAILED' }]));
    expect(await stores.jobs.execution('many', changed.thingName)).toEqual(changed);
    expect(await stores.jobs.execution('many', parseThingName('nobody'))).toBeUndefined();
    expect(await stores.jobs.executions({ jobId: 'many', status: 'IN_PROGRESS', limit: 9 })).toEqual([
      changed,
    ]);
    expect(await stores.jobs.counts('many')).toEqual(
      new Map([
        ['WAITING', 1_099],
        ['IN_PROGRESS', 1],
      ]),
    );
    expect(await stores.jobs.lastPosition()).toBe(11_099);
  });

  test('what a thing was told is read the newest first', async () => {
    const { stores, transact } = opened();
    const thingName = parseThingName('busy');
    for (const [at, jobId] of ['busy-a', 'busy-b', 'busy-c'].entries())
      await transact(async (tx) => {
        await stores.jobs.add(tx, job(jobId));
        await stores.jobs.saveExecutions(tx, [execution(20_000 + at, jobId, { thingName })]);
      });
    const ids = async (before?: number) =>
      (
        await stores.jobs.executionsOf({ thingName, limit: 2, ...(before === undefined ? {} : { before }) })
      ).map(({ jobId }) => jobId);
    expect(await ids()).toEqual(['busy-c', 'busy-b']);
    expect(await ids(20_001)).toEqual(['busy-a']);
  });

  test('a job goes with the last of its executions', async () => {
    const { stores, transact } = opened();
    await transact(async (tx) => {
      await stores.jobs.add(tx, job('gone'));
      await stores.jobs.saveExecutions(
        tx,
        [1, 2, 3].map((at) => execution(30_000 + at, 'gone')),
      );
    });
    const remove = () => transact((tx) => stores.jobs.remove(tx, { jobId: 'gone', executionsMax: 2 }));
    expect([await remove(), await remove()]).toEqual([false, true]);
    expect(await stores.jobs.job('gone')).toBeUndefined();
    expect(await stores.jobs.executions({ jobId: 'gone', limit: 9 })).toEqual([]);
  });
}
