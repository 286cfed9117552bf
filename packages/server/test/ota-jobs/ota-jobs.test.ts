import type { Transaction } from '@fleetward/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { release, sha256Hex } from '../campaigns/fleet.ts';
import { ada, boards, openFleet, signedRelease } from './fleet.ts';

const oneRetry = { retry: { retriesMax: 1, firstDelayMs: 1_000, delayMaxMs: 1_000 } };
const nothing = { kind: 'rejected', code: 'ResourceNotFound' };

describe('what a campaign offers', () => {
  test('is a job whose document has all that AWS asks for, and what its device says is the action of the campaign', async () => {
    const world = await openFleet();
    const campaignId = await world.roll();
    expect(world.heard.filter(({ topic }) => topic.endsWith('/notify-next'))).toHaveLength(1);
    const started = await world.start();
    const file = { filepath: 'pump-2.0.0.bin', filesize: 1, fileid: 0, certfile: 'signer.crt' };
    expect(JSON.parse((started as { document: string }).document)).toEqual({
      afr_ota: {
        protocols: ['MQTT'],
        streamname: Buffer.from(sha256Hex('2.0.0'), 'hex').toString('base64url'),
        files: [{ ...file, 'sig-sha256-ecdsa': expect.stringMatching(/^M/) }],
      },
    });
    for (const [statusDetails, state] of [
      [{}, 'DOWNLOADING'],
      [{ self_test: 'ready' }, 'INSTALLING'],
      [{ self_test: 'active' }, 'AWAITING_CONFIRMATION'],
    ] as const) {
      await world.say(campaignId, 'IN_PROGRESS', statusDetails);
      await world.tick();
      expect(await world.action(campaignId)).toMatchObject({ state, attempts: 1 });
    }
    await world.say(campaignId, 'SUCCEEDED', { reason: 'accepted' });
    await world.tick(3);
    expect(await world.action(campaignId)).toMatchObject({ state: 'SUCCEEDED' });
    expect(world.fleet.reports.get(world.pump)).toMatchObject({
      protocol: 'aws-ota',
      installed: { version: '2.0.0', sha256: sha256Hex('2.0.0') },
      update: { outcome: 'confirmed', version: '2.0.0' },
    });
    expect(await world.fleet.campaigns.get(campaignId)).toMatchObject({ state: 'COMPLETED' });
    const { job } = await world.jobs.get(`AFR_OTA-${campaignId}`);
    expect(job).toMatchObject({ state: 'COMPLETED', campaignId, endedAtMs: expect.any(Number) });
  });

  test.each([
    ['FAILED', 'FAILED', 'client-failure'],
    ['REJECTED', 'REJECTED', 'client-rejected'],
  ] as const)('that ends %s has ended so for the campaign, with its reason', async (status, state, cause) => {
    const world = await openFleet();
    const campaignId = await world.roll(oneRetry);
    await world.start();
    await world.say(campaignId, status, { reason: 'bad \0 signature' });
    await world.tick();
    expect(await world.action(campaignId)).toMatchObject({
      ...{ state, cause, explanation: 'reason: bad \ufffd signature' },
    });
    expect(world.fleet.reports.get(world.pump)).toMatchObject({ update: { outcome: 'failed' } });
    await world.tick(5);
    expect(await world.pending()).toEqual([]);
  });

  test.each([
    ['SUCCEEDED', expect.any(Number)],
    ['FAILED', 7],
  ] as const)(
    'ends %s however full the device has made its report, whose floor stays',
    async (status, securityVersion) => {
      const world = await openFleet();
      const campaignId = await world.roll();
      await world.start();
      const installed = { version: '1.0.0', securityVersion: 7 };
      world.fleet.reports.set(world.pump, { installed, noise: 'x'.repeat(16_300) });
      await world.say(campaignId, status);
      await world.tick();
      expect(await world.action(campaignId)).toMatchObject({ state: status });
      expect(world.fleet.reports.get(world.pump)?.installed).toMatchObject({ securityVersion });
    },
  );

  test('is rejected after it was installed: it failed', async () => {
    const world = await openFleet();
    const campaignId = await world.roll();
    await world.say(campaignId, 'IN_PROGRESS', { self_test: 'active' });
    await world.tick();
    await world.say(campaignId, 'REJECTED');
    await world.tick();
    expect(await world.action(campaignId)).toMatchObject({ state: 'FAILED', cause: 'client-rejected' });
  });

  test('is tried again by its campaign when the device takes too long, as the next execution of the same job', async () => {
    const world = await openFleet();
    const campaignId = await world.roll(oneRetry);
    await world.jobs.devices.startNext({ kind: 'start-next', thingName: world.pump, stepTimeoutMinutes: 1 });
    await world.tick(1, 61_000);
    await world.tick(4);
    expect(await world.pending()).toMatchObject([
      { status: 'QUEUED', executionNumber: 2, statusDetails: {} },
    ]);
    await world.start();
    await world.say(campaignId, 'SUCCEEDED');
    await world.tick(3);
    expect(await world.action(campaignId)).toMatchObject({ state: 'SUCCEEDED', attempts: 2 });
    expect((await world.jobs.get(`AFR_OTA-${campaignId}`)).counts).toEqual(new Map([['SUCCEEDED', 1]]));
  });

  test.each([
    ['was begun', true],
    ['was never begun', false],
  ])('is given up with its attempt where that %s, and ended with the last one', async (_, isBegun) => {
    const world = await openFleet();
    const campaignId = await world.roll({ ...oneRetry, timeOutMs: 60_000 });
    for (const attempt of [1, 2]) {
      expect(await world.pending()).toMatchObject([{ executionNumber: attempt }]);
      if (isBegun) await world.start();
      await world.tick(1, 61_000);
      expect(await world.pending()).toEqual([]);
      await world.tick(4);
    }
    expect(await world.action(campaignId)).toMatchObject({ state: 'TIMED_OUT', attempts: 2 });
    expect(await world.jobs.get(`AFR_OTA-${campaignId}`)).toMatchObject({
      counts: new Map([['CANCELED', 1]]),
    });
  });

  test('cannot be begun from the moment in which the campaign is paused, and is told of again when it goes on', async () => {
    const world = await openFleet();
    const campaignId = await world.roll();
    await world.step(campaignId, 'pause');
    const jobId = `AFR_OTA-${campaignId}`;
    const { thingName } = { thingName: world.pump };
    expect(await world.pending()).toEqual([]);
    expect(await world.start()).toBeUndefined();
    expect(await world.jobs.devices.describe({ thingName, jobId })).toMatchObject(nothing);
    expect(await world.jobs.devices.describe({ thingName, jobId: '$next' })).toBeUndefined();
    expect(await world.say(campaignId, 'IN_PROGRESS')).toMatchObject({ code: 'InvalidStateTransition' });
    await world.tick();
    expect(await world.execution(campaignId)).toMatchObject({ status: 'WAITING' });
    expect(await world.say(campaignId, 'SUCCEEDED')).toMatchObject(nothing);
    world.heard.splice(0);
    await world.step(campaignId, 'resume');
    await world.tick();
    expect(world.heard.map(({ topic }) => topic)).toContain(`$aws/things/${world.pump}/jobs/notify-next`);
    expect(await world.pending()).toMatchObject([{ jobId, executionNumber: 1 }]);
  });

  test('is there while the maintenance window is open, and only then', async () => {
    const world = await openFleet();
    const hour = 60 * 60_000;
    const window = { timeZone: 'UTC', days: [0, 1, 2, 3, 4, 5, 6], fromMinute: 0, toMinute: 60 };
    const campaignId = await world.roll({ window, timeOutMs: 100 * hour });
    expect(await world.pending()).toHaveLength(1);
    await world.tick(2);
    world.fleet.clock.advance(hour);
    expect(await world.pending()).toEqual([]);
    await world.tick();
    expect(await world.execution(campaignId)).toMatchObject({ status: 'WAITING' });
    world.fleet.clock.advance(23 * hour);
    await world.tick();
    expect(await world.pending()).toMatchObject([{ status: 'QUEUED', executionNumber: 1 }]);
  });

  test('goes on where it was begun, whatever becomes of the campaign', async () => {
    const world = await openFleet();
    const campaignId = await world.roll();
    await world.start();
    await world.tick();
    await world.step(campaignId, 'cancel');
    await world.tick(3);
    expect(await world.pending()).toMatchObject([{ status: 'IN_PROGRESS' }]);
    await world.say(campaignId, 'SUCCEEDED');
    await world.tick(3);
    expect(await world.action(campaignId)).toMatchObject({ state: 'SUCCEEDED' });
    expect((await world.jobs.get(`AFR_OTA-${campaignId}`)).job).toMatchObject({
      ...{ state: 'CANCELED', because: expect.stringContaining(campaignId), endedAtMs: expect.any(Number) },
    });
  });

  test('is cancelled with the campaign where nobody began it', async () => {
    const world = await openFleet();
    const campaignId = await world.roll();
    await world.step(campaignId, 'cancel');
    expect(await world.pending()).toEqual([]);
    await world.tick(3);
    expect(await world.execution(campaignId)).toMatchObject({ status: 'CANCELED' });
    expect((await world.jobs.get(`AFR_OTA-${campaignId}`)).job.endedAtMs).toBeDefined();
  });

  test('is nothing before the campaign is approved, and nothing once its release is no more', async () => {
    const world = await openFleet();
    const campaignId = await world.roll({}, { needsApproval: true });
    expect([await world.pending(), await world.jobs.list()]).toEqual([[], []]);
    await world.fleet.campaigns.change({ campaignId, event: 'approve' }, { ...ada, operatorId: 'bob' });
    await world.step(campaignId, 'start');
    await world.tick(3);
    expect(await world.pending()).toHaveLength(1);
    world.fleet.published.delete('pump-2.0.0.bin');
    expect(await world.pending()).toEqual([]);
    await world.ota.advance();
    expect(await world.execution(campaignId)).toMatchObject({ status: 'WAITING' });
  });

  test('is let go with a thing that is removed', async () => {
    const world = await openFleet();
    const campaignId = await world.roll();
    await world.records.transactor.transact(async (tx: Transaction) => {
      await world.jobs.forgetThing(tx, world.pump);
      await world.fleet.campaigns.forgetThing(tx, world.pump);
    });
    await world.tick(3);
    expect(await world.execution(campaignId)).toMatchObject({ status: 'REMOVED' });
    expect((await world.jobs.get(`AFR_OTA-${campaignId}`)).job.endedAtMs).toBeDefined();
  });
});

describe('nothing is given out', () => {
  test('to a thing of another group, which other clients serve', async () => {
    const world = await openFleet();
    world.memberships.set(world.pump, []);
    const campaignId = await world.roll();
    expect([await world.pending(), await world.jobs.list()]).toEqual([[], []]);
    expect(await world.action(campaignId)).toMatchObject({ state: 'OFFERED' });
    world.memberships.set(world.pump, [boards]);
    await world.tick();
    expect(await world.pending()).toHaveLength(1);
    world.memberships.set(world.pump, []);
    expect(await world.pending()).toEqual([]);
  });

  test.each([
    ['without a signature', release('2.0.0'), 'not-signed'],
    ['for the agent', agentRelease(), 'not-firmware'],
    ['of more than 32 bits', { ...signedRelease('2.0.0'), lengthBytes: 2 ** 32 }, 'too-large'],
    ['with a name that needs an escape', { ...signedRelease('2.0.0'), path: 'a"b' }, 'odd-name'],
    ['below what the device confirmed', signedRelease('2.0.0', 1), 'below-floor'],
  ])('of a release %s: it is rejected, so that the campaign sees', async (_, made, cause) => {
    const world = await openFleet();
    world.fleet.reports.set(world.pump, { installed: { version: '1.0.0', securityVersion: 2 } });
    world.fleet.published.set(made.path, made);
    const campaignId = await world.roll({}, { releasePath: made.path });
    expect(await world.action(campaignId)).toMatchObject({ state: 'REJECTED', cause });
    expect([await world.pending(), await world.jobs.list()]).toEqual([[], []]);
  });
});

function agentRelease() {
  const made = signedRelease('2.0.0');
  return { ...made, release: { ...made.release, component: 'agent' as const } };
}

test('more things than one tick changes are all corrected, tick by tick, whichever way the campaign goes', async () => {
  const world = await openFleet(2_500);
  const campaignId = await world.roll();
  await world.tick(4);
  const counts = async () => (await world.jobs.get(`AFR_OTA-${campaignId}`)).counts;
  const all = (status: string) => new Map([[status, 2_500]]);
  const found = async () => new Map([...(await counts())].filter(([, count]) => count > 0));
  expect(await found()).toEqual(all('QUEUED'));
  await world.step(campaignId, 'pause');
  await world.tick();
  expect((await counts()).get('WAITING')).toBe(1_000);
  await world.step(campaignId, 'resume');
  await world.tick();
  await world.step(campaignId, 'pause');
  await world.tick(3);
  expect(await found()).toEqual(all('WAITING'));
  await world.step(campaignId, 'resume');
  await world.tick(3);
  expect(await found()).toEqual(all('QUEUED'));
  world.fleet.published.delete('pump-2.0.0.bin');
  await world.tick(3);
  expect(await found()).toEqual(all('WAITING'));
  await world.step(campaignId, 'cancel');
  await world.tick(4);
  expect(await found()).toEqual(all('CANCELED'));
});

test('operators change such a job through its campaign alone, and make none themselves', async () => {
  const world = await openFleet();
  const campaignId = await world.roll();
  const jobId = `AFR_OTA-${campaignId}`;
  const led = expect.objectContaining({ code: 'jobs.state', message: expect.stringContaining(campaignId) });
  await expect(world.jobs.cancel({ jobId, isForced: true }, ada)).rejects.toEqual(led);
  await expect(world.jobs.delete({ jobId, isForced: true }, ada)).rejects.toEqual(led);
  const execution = { jobId, thingName: world.pump, isForced: true };
  await expect(world.jobs.cancelExecution(execution, ada)).rejects.toEqual(led);
  const target = { thingNames: [world.pump], groupNames: [], isContinuous: false };
  const rate = { baseRatePerMinute: 1_000, incrementFactor: 1, maximumPerMinute: 1_000 };
  const wanted = {
    ...{ document: {}, description: '', target, rate, abort: [] },
    retries: { failed: 0, timedOut: 0 },
  };
  await expect(world.jobs.create({ ...wanted, jobId: 'AFR_OTA-mine' }, ada)).rejects.toMatchObject({
    code: 'jobs.invalid',
  });
  // The limit on jobs of operators, one here, does not count it.
  await world.jobs.create({ ...wanted, jobId: 'mine' }, ada);
  expect(world.jobs.counts).toMatchObject({ open: 1, led: 1 });
  await world.step(campaignId, 'cancel');
  await world.tick(3);
  await world.jobs.delete({ jobId, isForced: false }, ada);
});

test('whatever happens and wherever the process dies, a device never finds what its campaign does not offer, and in the end both say the same', async () => {
  const happenings = fc.array(
    fc.constantFrom(
      ...([
        'tick',
        'campaigns',
        'ota',
        'jobs',
        'minute',
        'restart',
        'full disk',
        'start',
        'ready',
        'active',
      ] as const),
      ...(['SUCCEEDED', 'FAILED', 'REJECTED', 'pause', 'resume', 'cancel', 'withdraw', 'publish'] as const),
    ),
    { minLength: 5, maxLength: 40 },
  );
  await fc.assert(
    fc.asyncProperty(happenings, async (all) => {
      const world = await openFleet();
      const campaignId = await world.roll({ ...oneRetry, timeOutMs: 120_000 });
      for (const happening of all) {
        await happens(world, campaignId, happening);
        const [pending] = await world.pending();
        if (pending?.status === 'QUEUED')
          expect(world.fleet.campaigns.offers.of(world.pump)?.campaignId).toBe(campaignId);
        if (pending !== undefined)
          expect(world.fleet.campaigns.underWayOf(campaignId)?.actionOf(world.pump)).toBeDefined();
      }
      world.fleet.published.set('pump-2.0.0.bin', signedRelease('2.0.0'));
      await world.step(campaignId, 'resume').catch(() => undefined);
      await world.tick(3);
      await world.tick(8, 130_000);
      const action = (await world.action(campaignId))!;
      const execution = (await world.execution(campaignId))!;
      expect(['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'REJECTED', 'CANCELLED']).toContain(action.state);
      if (execution.status === 'SUCCEEDED') {
        // It may end otherwise in the second in which its device said so.
        expect(['SUCCEEDED', 'CANCELLED', 'TIMED_OUT']).toContain(action.state);
        expect(world.fleet.reports.get(world.pump)).toMatchObject({ installed: { version: '2.0.0' } });
      }
      expect(['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'REJECTED', 'CANCELED']).toContain(execution.status);
      expect((await world.jobs.get(`AFR_OTA-${campaignId}`)).job.endedAtMs).toBeDefined();
    }),
    { numRuns: 150 },
  );
});

async function happens(world: Awaited<ReturnType<typeof openFleet>>, campaignId: string, what: string) {
  switch (what) {
    case 'tick':
      return world.tick();
    case 'minute':
      return world.tick(1, 60_000);
    case 'campaigns':
      return world.fleet.tick();
    case 'ota':
      return world.ota.advance();
    case 'jobs':
      return world.jobs.advance();
    case 'restart':
      return world.restart();
    case 'full disk':
      world.records.failures = 1;
      await world.ota.advance().catch(() => undefined);
      world.records.failures = 0;
      return undefined;
    case 'start':
      return world.start();
    case 'ready':
    case 'active':
      return world.say(campaignId, 'IN_PROGRESS', { self_test: what });
    case 'SUCCEEDED':
    case 'FAILED':
    case 'REJECTED':
      return world.say(campaignId, what);
    case 'withdraw':
      return world.fleet.published.delete('pump-2.0.0.bin');
    case 'publish':
      return world.fleet.published.set('pump-2.0.0.bin', signedRelease('2.0.0'));
    default:
      return world.step(campaignId, what as 'pause').catch(() => undefined);
  }
}
