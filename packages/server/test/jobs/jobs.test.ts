import { describe, expect, test } from 'vitest';
import type { StartNext, Update } from '../../src/jobs/decide.ts';
import { ada, type Fleet, minuteMs, openFleet } from './fleet.ts';

const start = (fleet: Fleet, at = 0, more: Partial<StartNext> = {}) =>
  fleet.jobs.devices.startNext({ kind: 'start-next', thingName: fleet.names[at]!, ...more });
const update = (fleet: Fleet, wanted: Partial<Update> & Pick<Update, 'jobId' | 'status'>, at = 0) =>
  fleet.jobs.devices.update({ kind: 'update', thingName: fleet.names[at]!, ...wanted });

/** What was told on `$aws/events` since it was last asked. */
const eventsOf = (fleet: Fleet) =>
  fleet.told
    .splice(0)
    .filter(({ topic }) => topic.startsWith('$aws/events/'))
    .map(({ topic, value }) => ({ what: topic.replace('$aws/events/', ''), value }));

describe('what a device gets', () => {
  test('the first that was queued, until it ends, and then the next', async () => {
    const fleet = await openFleet({ things: 1 });
    await fleet.create('one');
    await fleet.tick(1_000, 2);
    await fleet.create('two');
    await fleet.tick(1_000, 2);
    for (const jobId of ['one', 'two']) {
      const got = await start(fleet);
      expect(got).toMatchObject({ execution: { jobId, status: 'IN_PROGRESS', versionNumber: 2 } });
      expect(await start(fleet)).toEqual(got);
      await update(fleet, { jobId, status: 'SUCCEEDED' });
    }
    expect(await start(fleet)).toBeUndefined();
  });

  test('what was said at the start is kept of what begins, and not of what is under way', async () => {
    const fleet = await openFleet({ things: 1 });
    await fleet.create('one');
    await fleet.tick(1_000, 2);
    const first = await start(fleet, 0, { statusDetails: { step: 'a' } });
    expect(first).toMatchObject({ execution: { statusDetails: { step: 'a' } } });
    const second = await start(fleet, 0, { statusDetails: { step: 'b' }, stepTimeoutMinutes: 5 });
    expect(second).toMatchObject({
      execution: { statusDetails: { step: 'a' }, stepDueMs: expect.any(Number) },
    });
  });

  test('an update with another version than it has changes nothing, and says which it has', async () => {
    const fleet = await openFleet({ things: 1 });
    await fleet.create('one');
    await fleet.tick(1_000, 2);
    await start(fleet);
    const late = await update(fleet, { jobId: 'one', status: 'SUCCEEDED', expectedVersion: 1 });
    expect(late).toMatchObject({
      code: 'VersionMismatch',
      execution: { versionNumber: 2, status: 'IN_PROGRESS' },
    });
    expect(await update(fleet, { jobId: 'one', status: 'SUCCEEDED', expectedVersion: 2 })).toMatchObject({
      execution: { status: 'SUCCEEDED', versionNumber: 3 },
    });
  });

  test('after an end nothing changes it, from memory or from the records', async () => {
    const fleet = await openFleet({ things: 2 });
    await fleet.create('one');
    await fleet.tick(1_000, 2);
    await update(fleet, { jobId: 'one', status: 'REJECTED' });
    for (const status of ['IN_PROGRESS', 'SUCCEEDED', 'REJECTED'] as const)
      expect(await update(fleet, { jobId: 'one', status })).toMatchObject({
        code: 'InvalidStateTransition',
        execution: { status: 'REJECTED' },
      });
    const thingName = fleet.names[0]!;
    expect(await fleet.jobs.devices.describe({ thingName, jobId: 'one' })).toMatchObject({
      code: 'TerminalStateReached',
    });
    expect(await fleet.jobs.devices.describe({ thingName, jobId: 'two' })).toMatchObject({
      code: 'ResourceNotFound',
    });
    expect(await fleet.jobs.devices.describe({ thingName, jobId: '$next' })).toBeUndefined();
  });

  test('of two updates in one batch with the same expected version one is taken', async () => {
    const fleet = await openFleet({ things: 1 });
    await fleet.create('one');
    await fleet.tick(1_000, 2);
    const claims = await Promise.all(
      [1, 2, 3].map(() => update(fleet, { jobId: 'one', status: 'IN_PROGRESS', expectedVersion: 1 })),
    );
    expect(claims.filter((claim) => !('code' in claim))).toHaveLength(1);
  });

  test('what is not durable was not accepted', async () => {
    const fleet = await openFleet({ things: 1 });
    await fleet.create('one');
    await fleet.tick(1_000, 2);
    fleet.records.failures = 1;
    await expect(start(fleet)).rejects.toThrow('the disk is full');
    expect(fleet.statuses('one')).toEqual({ QUEUED: 1 });
    expect(await start(fleet)).toMatchObject({ execution: { status: 'IN_PROGRESS' } });
  });
});

describe('what a thing is told', () => {
  const topics = (fleet: Fleet) =>
    fleet.told.splice(0).flatMap(({ topic, value }) => {
      const [, name] = /^\$aws\/things\/lamp-0\/jobs\/(.*)$/.exec(topic) ?? [];
      if (name === undefined) return [];
      const head = (value.execution as { jobId: string } | undefined)?.jobId;
      return [name === 'notify-next' ? `${name} ${head}` : name];
    });

  test('`notify` when one comes or goes, `notify-next` when another is the next, and neither when one begins', async () => {
    const fleet = await openFleet({ things: 1 });
    await fleet.create('one');
    await fleet.tick(1_000, 2);
    expect(topics(fleet)).toEqual(['notify', 'notify-next one']);
    await fleet.create('two');
    await fleet.tick(1_000, 2);
    expect(topics(fleet)).toEqual(['notify']);
    await start(fleet);
    expect(topics(fleet)).toEqual([]);
    await update(fleet, { jobId: 'one', status: 'IN_PROGRESS', statusDetails: { percent: '50' } });
    expect(topics(fleet)).toEqual([]);
    await update(fleet, { jobId: 'one', status: 'SUCCEEDED' });
    expect(topics(fleet)).toEqual(['notify', 'notify-next two']);
    await update(fleet, { jobId: 'two', status: 'IN_PROGRESS' });
    await update(fleet, { jobId: 'two', status: 'FAILED' });
    expect(topics(fleet)).toEqual(['notify', 'notify-next undefined']);
  });

  test('`notify` lists at most ten of each, and an empty object when there is none', async () => {
    const fleet = await openFleet({ things: 1 });
    for (let at = 0; at < 12; at++) await fleet.create(`job-${at}`);
    await fleet.tick(1_000, 2);
    const last = fleet.told.findLast(({ topic }) => topic.endsWith('/notify'));
    expect(last?.value.jobs).toEqual({ QUEUED: Array.from({ length: 10 }, () => expect.any(Object)) });
    for (let at = 0; at < 12; at++) await update(fleet, { jobId: `job-${at}`, status: 'REJECTED' });
    expect(fleet.told.findLast(({ topic }) => topic.endsWith('/notify'))?.value).toEqual({
      timestamp: expect.any(Number),
      jobs: {},
    });
  });

  test('how it ended, and that the job is over, on `$aws/events`', async () => {
    const fleet = await openFleet({ things: 1 });
    await fleet.create('one');
    await fleet.tick(1_000, 2);
    await update(fleet, { jobId: 'one', status: 'SUCCEEDED' });
    await fleet.tick();
    const events = eventsOf(fleet);
    expect(events.map(({ what }) => what)).toEqual([
      'job/one/created',
      'jobExecution/one/succeeded',
      'job/one/completed',
    ]);
    expect(events.at(-1)?.value).toMatchObject({ jobProcessDetails: { numberOfSucceededThings: 1 } });
  });

  test('that a job is being cancelled or deleted, and that it is done, over a restart and in steps', async () => {
    const fleet = await openFleet({ things: 3, limits: { stepsPerTickMax: 2 } });
    await fleet.create('one');
    await fleet.tick(1_000, 4);
    await update(fleet, { jobId: 'one', status: 'SUCCEEDED' });
    eventsOf(fleet);
    await fleet.jobs.cancel({ jobId: 'one', isForced: true, because: 'wrong file' }, ada);
    await fleet.restart();
    await fleet.tick();
    const cancelled = eventsOf(fleet);
    expect(cancelled.map(({ what }) => what)).toEqual([
      'job/one/cancellation_in_progress',
      'jobExecution/one/canceled',
      'jobExecution/one/canceled',
      'job/one/canceled',
    ]);
    expect(cancelled.at(0)?.value).toMatchObject({
      status: 'CANCELLATION_IN_PROGRESS',
      comment: 'wrong file',
    });
    expect(cancelled.at(-1)?.value).toMatchObject({
      status: 'CANCELED',
      forceCanceled: true,
      jobProcessDetails: { numberOfCanceledThings: 2 },
    });
    await fleet.jobs.delete({ jobId: 'one', isForced: false }, ada);
    await fleet.tick(1_000, 3);
    expect(eventsOf(fleet).map(({ what, value }) => `${what} ${value.status}`)).toEqual([
      'job/one/deletion_in_progress DELETION_IN_PROGRESS',
      'jobExecution/one/deleted SUCCEEDED',
      'jobExecution/one/deleted CANCELED',
      'jobExecution/one/deleted CANCELED',
      'job/one/deleted DELETED',
    ]);
  });

  test('no events where they are switched off, and to things all the same', async () => {
    const fleet = await openFleet({ things: 1, tellsEvents: false });
    await fleet.create('one');
    await fleet.tick(1_000, 2);
    await update(fleet, { jobId: 'one', status: 'SUCCEEDED' });
    await fleet.jobs.delete({ jobId: 'one', isForced: true }, ada);
    await fleet.tick(1_000, 3);
    expect(new Set(fleet.told.map(({ topic }) => topic))).toEqual(
      new Set(['$aws/things/lamp-0/jobs/notify', '$aws/things/lamp-0/jobs/notify-next']),
    );
  });

  test('nothing of a job that is only not listed any more', async () => {
    const fleet = await openFleet({ things: 1, limits: { keptMax: 1 } });
    for (const jobId of ['one', 'two']) {
      await fleet.create(jobId);
      await fleet.tick(1_000, 2);
      await update(fleet, { jobId, status: 'SUCCEEDED' });
      await fleet.tick(1_000, 3);
    }
    await expect(fleet.jobs.get('one')).rejects.toThrow('there is no job');
    expect(eventsOf(fleet).filter(({ what }) => /delet/.test(what))).toEqual([]);
  });

  test('of what failed and is tried again, nothing until it is at an end', async () => {
    const fleet = await openFleet({ things: 1 });
    await fleet.create('one', { retries: { failed: 1, timedOut: 0 } });
    await fleet.tick(1_000, 2);
    await update(fleet, { jobId: 'one', status: 'FAILED' });
    expect(eventsOf(fleet).map(({ what }) => what)).toEqual(['job/one/created']);
    await update(fleet, { jobId: 'one', status: 'FAILED' });
    expect(eventsOf(fleet).map(({ what }) => what)).toEqual(['jobExecution/one/failed']);
  });
});

describe('the roll-out', () => {
  test('is no faster than its rate, and is done when every thing is', async () => {
    const fleet = await openFleet({ things: 30 });
    await fleet.create('one', {
      rate: { baseRatePerMinute: 10, incrementFactor: 1, maximumPerMinute: 10 },
    });
    await fleet.tick(1_000, 61);
    expect(fleet.statuses('one').QUEUED).toBe(11);
    await fleet.tick(1_000, 120);
    for (const at of fleet.names.keys()) await update(fleet, { jobId: 'one', status: 'SUCCEEDED' }, at);
    await fleet.tick();
    expect(fleet.statuses('one')).toEqual({ SUCCEEDED: 30 });
    expect((await fleet.jobs.get('one')).job.state).toBe('COMPLETED');
  });

  test('is cancelled when too many fail: who has not begun is let go', async () => {
    const fleet = await openFleet({ things: 10 });
    await fleet.create('one', { abort: [{ failure: 'FAILED', executedMin: 2, percent: 50 }] });
    await fleet.tick(1_000, 2);
    await start(fleet, 5);
    await update(fleet, { jobId: 'one', status: 'FAILED' }, 0);
    await update(fleet, { jobId: 'one', status: 'FAILED' }, 1);
    await fleet.tick(1_000, 2);
    expect(fleet.statuses('one')).toEqual({ FAILED: 2, IN_PROGRESS: 1, CANCELED: 7 });
    const { job } = await fleet.jobs.get('one');
    expect(job).toMatchObject({ state: 'CANCELED', because: expect.stringContaining('2 of 2 things') });
    expect(job.endedAtMs).toBeUndefined();
    expect(await update(fleet, { jobId: 'one', status: 'SUCCEEDED' }, 5)).not.toHaveProperty('code');
    await fleet.tick();
    expect((await fleet.jobs.get('one')).job.endedAtMs).toBeDefined();
  });

  test('takes its time-outs and failures again as often as it may, each as a new execution', async () => {
    const fleet = await openFleet({ things: 1 });
    await fleet.create('one', { inProgressMinutes: 5, retries: { failed: 1, timedOut: 1 } });
    await fleet.tick(1_000, 2);
    await start(fleet);
    expect(await update(fleet, { jobId: 'one', status: 'FAILED' })).toMatchObject({
      execution: { status: 'FAILED', executionNumber: 1 },
    });
    expect(await start(fleet)).toMatchObject({ execution: { executionNumber: 2, statusDetails: {} } });
    expect(await update(fleet, { jobId: 'one', status: 'SUCCEEDED', executionNumber: 1 })).toMatchObject({
      code: 'ResourceNotFound',
    });
    await fleet.tick(5 * minuteMs);
    expect(await start(fleet)).toMatchObject({ execution: { executionNumber: 3 } });
    await fleet.tick(5 * minuteMs);
    await fleet.tick();
    expect(fleet.statuses('one')).toEqual({ TIMED_OUT: 1 });
    expect((await fleet.jobs.get('one')).job.state).toBe('COMPLETED');
  });

  test('a continuous one takes in who comes to the group, and lets go of who leaves it', async () => {
    const fleet = await openFleet({ things: 2 });
    await fleet.create('one', {
      target: { thingNames: [], groupNames: [...fleet.groups.keys()], isContinuous: true },
    });
    await fleet.tick(1_000, 2);
    fleet.join('newcomer');
    fleet.leave(fleet.names[0]!);
    await fleet.tick(10_000, 2);
    expect(fleet.statuses('one')).toEqual({ QUEUED: 2, REMOVED: 1 });
    expect((await fleet.jobs.get('one')).job.state).toBe('IN_PROGRESS');
  });

  test('a snapshot takes in nobody who comes later', async () => {
    const fleet = await openFleet({ things: 1 });
    await fleet.create('one');
    await fleet.tick(1_000, 2);
    fleet.join('newcomer');
    await fleet.tick(10_000, 2);
    expect(fleet.statuses('one')).toEqual({ QUEUED: 1 });
  });

  test('goes on after a restart where it was: steps, time limits and the order of things', async () => {
    const fleet = await openFleet({ things: 3 });
    await fleet.create('one', { inProgressMinutes: 5 });
    await fleet.tick(1_000, 2);
    const got = await start(fleet, 1);
    await fleet.restart();
    expect(await start(fleet, 1)).toEqual(got);
    await fleet.tick(5 * minuteMs);
    expect(fleet.statuses('one')).toEqual({ QUEUED: 2, TIMED_OUT: 1 });
  });
});

describe('what an operator ends', () => {
  test('a cancelled job is begun by nobody from that moment on; forced, who is at it does not go on either', async () => {
    for (const isForced of [false, true]) {
      const fleet = await openFleet({ things: 2 });
      await fleet.create('one');
      await fleet.tick(1_000, 2);
      await start(fleet, 0);
      await fleet.jobs.cancel({ jobId: 'one', isForced, because: 'wrong file' }, ada);
      expect(await start(fleet, 1)).toBeUndefined();
      expect(await update(fleet, { jobId: 'one', status: 'IN_PROGRESS' }, 1)).toMatchObject({
        code: 'InvalidStateTransition',
      });
      const done = await update(fleet, { jobId: 'one', status: 'SUCCEEDED' }, 0);
      expect('code' in done).toBe(isForced);
      await fleet.tick();
      expect(fleet.statuses('one')).toEqual(isForced ? { CANCELED: 2 } : { SUCCEEDED: 1, CANCELED: 1 });
      expect(fleet.trail.at(-1)).toMatchObject({
        kind: 'job.state_changed',
        payload: { because: 'wrong file' },
      });
    }
  });

  test('a job that is not over is deleted only by force; then nothing is left of it', async () => {
    const fleet = await openFleet({ things: 5, limits: { stepsPerTickMax: 2 } });
    await fleet.create('one');
    await fleet.tick(1_000, 4);
    await start(fleet, 0);
    await expect(fleet.jobs.delete({ jobId: 'one', isForced: false }, ada)).rejects.toThrow('is not over');
    await fleet.jobs.delete({ jobId: 'one', isForced: true }, ada);
    expect(await start(fleet, 0)).toBeUndefined();
    await fleet.restart();
    await fleet.tick(1_000, 8);
    expect(fleet.records.all()).toEqual([]);
    await expect(fleet.jobs.get('one')).rejects.toThrow('there is no job');
    expect((await fleet.create('one')).job.state).toBe('SCHEDULED');
  });

  test('one thing is let go by itself', async () => {
    const fleet = await openFleet({ things: 2 });
    await fleet.create('one');
    await fleet.tick(1_000, 2);
    await start(fleet, 0);
    const wanted = { jobId: 'one', thingName: fleet.names[0]! };
    await expect(fleet.jobs.cancelExecution({ ...wanted, isForced: false }, ada)).rejects.toThrow('is at it');
    expect(await fleet.jobs.cancelExecution({ ...wanted, isForced: true }, ada)).toMatchObject({
      status: 'CANCELED',
    });
    expect(fleet.statuses('one')).toEqual({ CANCELED: 1, QUEUED: 1 });
  });

  test('a thing that is removed meanwhile does not come back with an update that was on its way', async () => {
    const fleet = await openFleet({ things: 1 });
    await fleet.create('one');
    await fleet.tick(1_000, 2);
    const removed = fleet.records.transactor.transact((tx) => fleet.jobs.forgetThing(tx, fleet.names[0]!));
    await Promise.allSettled([removed, update(fleet, { jobId: 'one', status: 'IN_PROGRESS' })]);
    expect(fleet.statuses('one')).toEqual({ REMOVED: 1 });
    expect(await start(fleet)).toBeUndefined();
  });

  test('the oldest that are over are forgotten when there are more than may be kept', async () => {
    const fleet = await openFleet({ things: 1, limits: { keptMax: 1 } });
    for (const jobId of ['one', 'two', 'three']) {
      await fleet.create(jobId);
      await fleet.tick(1_000, 2);
      await update(fleet, { jobId, status: 'SUCCEEDED' });
      await fleet.tick();
    }
    await fleet.tick(1_000, 3);
    expect((await fleet.jobs.list()).map(({ job }) => job.jobId)).toEqual(['three']);
  });
});

describe('what cannot be asked', () => {
  test.each([
    ['an id that is taken', {}, 'jobs.exists'],
    [
      'no thing at all',
      { jobId: 'x', target: { thingNames: [], groupNames: [], isContinuous: false } },
      'jobs.invalid',
    ],
    ['a document that is too long', { jobId: 'x', document: { text: 'x'.repeat(32_768) } }, 'jobs.limit'],
    ['more than ten retries', { jobId: 'x', retries: { failed: 6, timedOut: 5 } }, 'jobs.invalid'],
    [
      'a rate that begins above its maximum',
      { jobId: 'x', rate: { baseRatePerMinute: 2, incrementFactor: 1, maximumPerMinute: 1 } },
      'jobs.invalid',
    ],
  ])('%s', async (_what, change, code) => {
    const fleet = await openFleet({ things: 1 });
    await fleet.create('one');
    await expect(fleet.create('one', change)).rejects.toMatchObject({ code });
  });

  test('more things, or more jobs, than the settings allow', async () => {
    const fleet = await openFleet({ things: 3, limits: { thingsMax: 2, openMax: 1 } });
    await expect(fleet.create('one')).rejects.toMatchObject({ code: 'jobs.limit' });
    const target = { thingNames: fleet.names.slice(0, 1), groupNames: [], isContinuous: false };
    await fleet.create('one', { target });
    await expect(fleet.create('two', { target })).rejects.toMatchObject({ code: 'jobs.limit' });
  });
});
