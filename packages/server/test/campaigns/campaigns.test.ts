import { parseGroupName, parseThingName, type Sha256, type ThingName } from '@fleetward/core';
import { createCampaign } from '@fleetward/protocol';
import { beforeEach, describe, expect, test } from 'vitest';
import { campaignHandlers } from '../../src/campaigns/http.ts';
import type { ActionState } from '../../src/campaigns/steps.ts';
import type { Terms } from '../../src/campaigns/terms.ts';
import { ada, bob, type Fleet, minuteMs, openFleet, release, runs, sha256Hex, told } from './fleet.ts';

type Operator = { readonly kind: 'operator'; readonly operatorId: string };
let fleet: Fleet;

beforeEach(async () => {
  fleet = await openFleet({ things: 20 });
  for (const name of fleet.names) fleet.reports.set(name, runs('1.0.0'));
});

async function started(
  terms: Partial<Terms> = {},
  more: Parameters<Fleet['create']>[1] = {},
): Promise<string> {
  const { campaignId } = await fleet.create(terms, more);
  await fleet.campaigns.change({ campaignId, event: 'start' }, ada);
  await fleet.tick(1_000, 2);
  return campaignId;
}

const offered = () => fleet.names.filter((name) => fleet.campaigns.offers.of(name) !== undefined);
const count = async (id: string, state: ActionState) => (await fleet.campaigns.get(id)).counts[state] ?? 0;
const change = (
  campaignId: string,
  event: 'approve' | 'start' | 'pause' | 'resume' | 'cancel',
  by: Operator = ada,
) => fleet.campaigns.change({ campaignId, event }, by);

const canaryFirst: Terms['stages'] = [
  { share: { kind: 'things', count: 1 }, successPercentMin: 100 },
  { share: { kind: 'percent', percent: 50 }, executedMin: 4, successPercentMin: 75 },
  { share: { kind: 'percent', percent: 100 }, successPercentMin: 0 },
];

describe('stages', () => {
  test('go on when enough of the stage succeeded, and not before', async () => {
    const campaignId = await started({ stages: canaryFirst });
    const [canary] = offered();
    expect(offered()).toEqual([canary]);
    await fleet.tick(1_000, 5);
    expect(offered()).toHaveLength(1);
    await fleet.report(canary!, told.confirmed());
    await fleet.tick(1_000, 2);
    expect(offered()).toHaveLength(9);
    for (const name of offered().slice(0, 3)) await fleet.report(name, told.confirmed());
    await fleet.report(offered()[0]!, told.rolledBack());
    await fleet.tick(1_000, 2);
    expect((await fleet.campaigns.get(campaignId)).stage).toBe(2);
    expect(offered()).toHaveLength(15);
  });

  test('that fail pause the campaign, with the reason; an operator may go on nevertheless', async () => {
    const campaignId = await started({ stages: canaryFirst });
    await fleet.report(offered()[0]!, told.rolledBack());
    await fleet.tick();
    const { state, because } = await fleet.campaigns.get(campaignId);
    expect([state, because?.cause]).toEqual(['PAUSED', 'stage']);
    expect(because?.explanation).toContain('of stage 1, 0 of 1 succeeded; 100 %');
    expect([fleet.stopped, offered()]).toEqual([[campaignId], []]);
    await change(campaignId, 'resume');
    await fleet.tick(1_000, 2);
    expect(offered()).toHaveLength(9);
  });
});

test('where nothing else is said, no single device can halt a campaign, however fast it fails', async () => {
  fleet = await openFleet({ things: 100 });
  for (const name of fleet.names) fleet.reports.set(name, runs('1.0.0'));
  const create = campaignHandlers(fleet.campaigns).find(({ route }) => route === createCampaign)!;
  const body = { releasePath: 'pump-2.0.0.bin', all: true };
  const caller = { kind: 'operator', operatorId: 'ada' };
  const { campaignId } = (await create.handle({ body, caller } as never)) as { campaignId: string };
  await change(campaignId, 'start');
  let hostile: string | undefined;
  for (let round = 0; round < 9; round++) {
    await fleet.tick(2 * minuteMs, 2);
    const { stage } = await fleet.campaigns.get(campaignId);
    const [first, ...others] = offered();
    if (stage === 2) hostile ??= first;
    for (const name of others) if (stage < 2) await fleet.report(name, told.confirmed());
    if (first === undefined) continue;
    await fleet.report(first, first === hostile ? told.rolledBack() : told.confirmed());
    if (stage === 2) for (const name of others.slice(0, 9)) await fleet.report(name, told.confirmed());
  }
  expect(hostile).toBeDefined();
  expect((await fleet.campaigns.get(campaignId)).state).toBe('RUNNING');
});

test('an abort rule halts for good: nobody is started any more, and what began still comes to its end', async () => {
  const campaignId = await started({
    rate: { baseRatePerMinute: 5, incrementFactor: 1, maximumPerMinute: 5 },
    abort: [{ failure: 'FAILED', executedMin: 2, percent: 50 }],
  });
  await fleet.tick(minuteMs);
  const [first, second, third] = offered();
  await fleet.report(third!, told.waiting());
  await fleet.report(first!, told.rolledBack());
  await fleet.tick(1_000, 3);
  expect((await fleet.campaigns.get(campaignId)).state).toBe('RUNNING');
  await fleet.report(second!, told.rolledBack());
  await fleet.tick(1_000, 5);
  expect(await fleet.campaigns.get(campaignId)).toMatchObject({
    state: 'HALTED',
    because: { cause: 'abort' },
    counts: { FAILED: 2, AWAITING_CONFIRMATION: 1, CANCELLED: 17 },
  });
  expect(offered()).toEqual([third]);
  await fleet.report(third!, told.confirmed());
  await fleet.tick();
  const over = await fleet.campaigns.get(campaignId);
  expect([over.counts.SUCCEEDED, over.endedAtMs]).toEqual([1, fleet.clock.now()]);
  await expect(change(campaignId, 'resume')).rejects.toMatchObject({ code: 'campaigns.state' });
});

describe('what an operator does', () => {
  test('what may not start is told so before it is looked at for what it is', async () => {
    const target = { attributes: { colour: 'red' }, isContinuous: false };
    const { campaignId } = await fleet.create({}, { target, needsApproval: true });
    await expect(change(campaignId, 'start')).rejects.toMatchObject({ code: 'campaigns.state' });
  });

  test('another one approves than the one who made it, where that is asked for', async () => {
    const { campaignId, state } = await fleet.create({}, { needsApproval: true });
    expect(state).toBe('PROPOSED');
    await expect(change(campaignId, 'start')).rejects.toMatchObject({ code: 'campaigns.state' });
    await expect(change(campaignId, 'approve', ada)).rejects.toMatchObject({
      code: 'campaigns.own_approval',
    });
    // The fleet takes operators whose names begin alike for one person.
    await expect(
      change(campaignId, 'approve', { kind: 'operator', operatorId: 'ada-2' }),
    ).rejects.toMatchObject({
      code: 'campaigns.own_approval',
      message: expect.stringContaining('invitations'),
    });
    expect((await change(campaignId, 'approve', bob)).approvedBy).toBe('bob');
    expect((await change(campaignId, 'start')).state).toBe('GATHERING');
    const kinds = fleet.trail.map(({ kind, payload }) => [kind, payload.state]);
    expect(kinds).toEqual([
      ['campaign.created', undefined],
      ['campaign.state_changed', 'READY'],
      ['campaign.state_changed', 'GATHERING'],
    ]);
  });

  test('a campaign starts by itself when its time has come, once it was approved, over a restart too', async () => {
    await expect(fleet.create({}, { startAtMs: fleet.clock.now() - 1 })).rejects.toMatchObject({
      code: 'campaigns.invalid',
    });
    const startAtMs = fleet.clock.now() + 60 * minuteMs;
    const { campaignId } = await fleet.create({}, { startAtMs });
    const release = { releasePath: 'pump-2.1.0.bin' };
    const late = await fleet.create({}, { ...release, startAtMs, needsApproval: true });
    const state = async (id: string) => (await fleet.campaigns.get(id)).state;
    await fleet.tick(59 * minuteMs);
    await fleet.restart();
    await fleet.tick(1_000);
    expect(await state(campaignId)).toBe('READY');
    await fleet.tick(minuteMs, 2);
    expect([await state(campaignId), await state(late.campaignId)]).toEqual(['RUNNING', 'PROPOSED']);
    expect(fleet.trail.findLast(({ payload }) => payload.state === 'GATHERING')).toMatchObject({
      payload: { campaignId },
    });
    await change(late.campaignId, 'approve', bob);
    await fleet.tick(1_000, 2);
    expect(await state(late.campaignId)).toBe('RUNNING');
  });

  test('a campaign that cannot start when its time has come is over, and says why', async () => {
    const target = { attributes: { colour: 'red' }, isContinuous: false };
    const { campaignId } = await fleet.create({}, { target, startAtMs: fleet.clock.now() + minuteMs });
    await fleet.tick(minuteMs, 2);
    const { state, because, endedAtMs } = await fleet.campaigns.get(campaignId);
    expect([state, because?.cause]).toEqual(['CANCELLED', 'start']);
    expect(because?.explanation).toContain('there is no thing that the campaign is for');
    expect([endedAtMs !== undefined, fleet.stopped]).toEqual([true, [campaignId]]);
  });

  test('a pause withholds what is not begun, survives a restart, and ends without a burst', async () => {
    const slow = { baseRatePerMinute: 2, incrementFactor: 1, maximumPerMinute: 2 };
    const campaignId = await started({ rate: slow });
    await fleet.tick(30_000, 2);
    const [begun] = offered();
    expect(offered()).toHaveLength(3);
    await fleet.report(begun!, told.waiting());
    await change(campaignId, 'pause');
    expect(offered()).toEqual([begun]);
    await fleet.restart();
    await fleet.tick(60 * minuteMs);
    expect(await count(campaignId, 'SCHEDULED')).toBe(17);
    await change(campaignId, 'resume');
    await fleet.tick(1_000);
    expect(await count(campaignId, 'SCHEDULED')).toBe(16);
  });

  test('a campaign that is made is bounded in number and things, and needs a release and things', async () => {
    fleet = await openFleet({ things: 3, limits: { openMax: 1, thingsMax: 2 } });
    await expect(fleet.create({}, { releasePath: 'none.bin' })).rejects.toMatchObject({
      code: 'campaigns.release_unknown',
    });
    const { campaignId } = await fleet.create();
    await expect(fleet.create()).rejects.toMatchObject({ code: 'campaigns.limit' });
    await expect(change(campaignId, 'start')).rejects.toMatchObject({ code: 'campaigns.limit' });
    await change(campaignId, 'cancel');
    const target = { attributes: { colour: 'red' }, isContinuous: false };
    const nobody = await fleet.create({}, { target });
    await expect(change(nobody.campaignId, 'start')).rejects.toMatchObject({ code: 'campaigns.empty' });
  });

  test('the oldest campaigns that are over are forgotten, piece by piece', async () => {
    fleet = await openFleet({ things: 5, limits: { keptMax: 1, stepsPerTickMax: 3 } });
    const ids: string[] = [];
    for (let made = 0; made < 3; made++) {
      ids.push(await started());
      await fleet.tick(1_000, 3);
      await change(ids.at(-1)!, 'cancel');
      await fleet.tick(1_000, 6);
    }
    expect((await fleet.campaigns.list()).map(({ campaignId }) => campaignId)).toEqual([ids[2]]);
    expect(fleet.records.all()).toHaveLength(5);
  });

  test('a stopped campaign is not forgotten while its release is published: nobody would be kept from that any more', async () => {
    fleet = await openFleet({ things: 5, limits: { keptMax: 1 } });
    const stopped = await started();
    await change(stopped, 'cancel');
    for (let made = 0; made < 3; made++) {
      const other = await started({}, { releasePath: 'pump-2.1.0.bin' });
      await change(other, 'cancel');
      await fleet.tick(1_000, 4);
    }
    expect((await fleet.campaigns.list()).map(({ campaignId }) => campaignId)).toContain(stopped);
    await fleet.restart();
    expect(fleet.campaigns.offers.isFree(sha256Hex('2.0.0'))).toBe(false);
    fleet.published.delete('pump-2.0.0.bin');
    await fleet.tick(1_000, 2);
    expect((await fleet.campaigns.list()).map(({ campaignId }) => campaignId)).not.toContain(stopped);
  });
});

describe('whose turn it is', () => {
  test('things that run it, something newer, another version or have other attributes are skipped, each with its cause', async () => {
    const [same, newer, other, unlike, fit, rival] = fleet.names;
    fleet.reports.set(rival!, { ...runs('1.0.0'), model: { product: 'pump', hardware: 'rev-c' } });
    fleet.reports.set(same!, runs('2.0.0'));
    fleet.reports.set(newer!, runs('3.0.0'));
    fleet.reports.set(other!, runs('0.9.0'));
    for (const name of fleet.names.slice(4)) fleet.attributes.set(name, { region: 'eu' });
    const prerequisites = { fromVersions: ['1.0.0'], attributes: { region: 'eu' } };
    const campaignId = await started({ prerequisites });
    const actions = await fleet.campaigns.actions({ campaignId, state: 'SKIPPED', limit: 100 });
    expect(Object.fromEntries(actions.map(({ thingName, cause }) => [thingName, cause]))).toEqual({
      [same!]: 'has-it',
      [newer!]: 'newer-installed',
      [other!]: 'other-version',
      [unlike!]: 'other-attributes',
      [rival!]: 'other-model',
    });
    expect(offered()).toContain(fit);
  });

  test('a battery that is low, or was never told, waits until it is charged', async () => {
    const [charged, low] = fleet.names;
    fleet.reports.set(charged!, { ...runs('1.0.0'), batteryPercent: 60 });
    fleet.reports.set(low!, { ...runs('1.0.0'), batteryPercent: 20 });
    await started({ prerequisites: { fromVersions: [], attributes: {}, batteryPercentMin: 50 } });
    expect(offered()).toEqual([charged]);
    fleet.reports.set(low!, { ...runs('1.0.0'), batteryPercent: 90 });
    await fleet.tick(10 * minuteMs, 2);
    expect(new Set(offered())).toEqual(new Set([charged, low]));
  });

  test('the window of the thing’s own time zone is kept, also by what was offered and not begun', async () => {
    const [berlin, tokyo, nowhere] = fleet.names;
    fleet.attributes.set(berlin!, { timezone: 'Europe/Berlin' });
    fleet.attributes.set(tokyo!, { timezone: 'Asia/Tokyo' });
    fleet.attributes.set(nowhere!, { timezone: 'Mars/Olympus' });
    const window = {
      days: [0, 1, 2, 3, 4, 5, 6],
      fromMinute: 60,
      toMinute: 120,
      timeZone: 'America/New_York',
    };
    // 2026-01-01T00:00Z: 01:00 in Berlin, 09:00 in Tokyo, 19:00 in New York.
    const campaignId = await started({ window, timeOutMs: 48 * 60 * minuteMs });
    expect(offered()).toEqual([berlin]);
    expect(await fleet.campaigns.actions({ campaignId, state: 'SKIPPED', limit: 9 })).toMatchObject([
      { thingName: nowhere, cause: 'time-zone-unknown' },
    ]);
    await fleet.tick(60 * minuteMs);
    expect(offered()).toEqual([]);
    fleet.clock.set('2026-01-01T16:30:00Z');
    await fleet.tick();
    expect(offered()).toEqual([tokyo]);
    fleet.clock.set('2026-01-02T00:10:00Z');
    await fleet.tick();
    expect(offered()).toEqual([berlin]);
  });

  test('a thing that another campaign is at waits until that is over', async () => {
    fleet = await openFleet({ things: 1 });
    const [name] = fleet.names;
    fleet.reports.set(name!, runs('1.0.0'));
    await started();
    await started({}, { releasePath: 'pump-2.1.0.bin' });
    expect(fleet.campaigns.offers.of(name!)?.path).toBe('pump-2.0.0.bin');
    await fleet.report(name!, told.confirmed());
    expect(fleet.campaigns.offers.of(name!)).toBeUndefined();
    await fleet.tick(minuteMs, 2);
    expect(fleet.campaigns.offers.of(name!)?.path).toBe('pump-2.1.0.bin');
  });
});

describe('bytes', () => {
  const mayFetch = (thingName: ThingName | undefined, version: string) =>
    fleet.campaigns.offers.mayFetch(thingName === undefined ? {} : { thingName }, {
      sha256: sha256Hex(version),
    });

  test('that no campaign is for are everybody’s; those of a campaign are for whom it offers them, until it is complete', async () => {
    const [stranger] = fleet.names;
    expect(mayFetch(stranger, '2.0.0')).toBe(true);
    const { campaignId } = await fleet.create({ stages: canaryFirst });
    expect([mayFetch(stranger, '2.0.0'), mayFetch(undefined, '2.0.0')]).toEqual([false, false]);
    expect(mayFetch(stranger, '2.1.0')).toBe(true);
    await change(campaignId, 'start');
    await fleet.tick(1_000, 2);
    expect(fleet.names.filter((name) => mayFetch(name, '2.0.0'))).toEqual(offered());
    for (let rounds = 0; rounds < 3; rounds++) {
      for (const name of offered()) await fleet.report(name, told.confirmed());
      await fleet.tick(1_000, 2);
    }
    expect((await fleet.campaigns.get(campaignId)).state).toBe('COMPLETED');
    expect(mayFetch(undefined, '2.0.0')).toBe(true);
  });

  test('of a campaign that was stopped stay with those that began, over a restart too', async () => {
    const campaignId = await started({ stages: canaryFirst });
    const [canary] = offered();
    expect(mayFetch(canary, '2.0.0')).toBe(true);
    await fleet.tick();
    expect(await count(campaignId, 'DOWNLOADING')).toBe(1);
    await change(campaignId, 'cancel');
    await fleet.restart();
    expect(fleet.names.filter((name) => mayFetch(name, '2.0.0'))).toEqual([canary]);
    await fleet.report(canary!, told.confirmed());
    await fleet.tick();
    await fleet.restart();
    expect(fleet.names.filter((name) => mayFetch(name, '2.0.0'))).toEqual([]);
  });

  test('are nobody’s without a campaign where campaigns are required', async () => {
    fleet = await openFleet({ things: 1, limits: { required: true } });
    expect(mayFetch(fleet.names[0], '2.0.0')).toBe(false);
  });

  test('of a campaign share the cap that it has', async () => {
    const campaignId = await started({ bytesPerSecondMax: 5_000 });
    const [thingName] = offered();
    const capsOf = (sha256: Sha256) => fleet.campaigns.offers.capsOf({ thingName: thingName! }, { sha256 });
    expect(capsOf(sha256Hex('2.0.0'))).toEqual([{ key: `campaign ${campaignId}`, bytesPerSecond: 5_000 }]);
    expect(capsOf(sha256Hex('2.1.0'))).toEqual([]);
  });
});

describe('what devices say', () => {
  test('a failure that may pass is tried again after a while, as often as it may; then it has failed', async () => {
    fleet = await openFleet({ things: 1 });
    const [name] = fleet.names;
    const campaignId = await started({
      retry: { retriesMax: 2, firstDelayMs: minuteMs, delayMaxMs: 10 * minuteMs },
    });
    for (let attempt = 1; attempt <= 2; attempt++) {
      await fleet.report(name!, told.failed());
      expect(await count(campaignId, 'SCHEDULED')).toBe(1);
      expect(offered()).toEqual([]);
      await fleet.restart();
      await fleet.tick(10 * minuteMs, 2);
      expect(offered()).toEqual([name]);
    }
    await fleet.report(name!, told.failed());
    expect(await fleet.campaigns.get(campaignId)).toMatchObject({
      counts: { FAILED: 1 },
      causes: [{ state: 'FAILED', cause: 'unreachable', count: 1 }],
    });
  });

  test('success with another version is a failure, and one that comes after the end changes nothing', async () => {
    const campaignId = await started();
    const [liar, late] = offered();
    await fleet.report(liar!, { ...runs('1.0.0'), update: { outcome: 'confirmed', version: '2.0.0' } });
    expect((await fleet.campaigns.get(campaignId)).causes).toEqual([
      { state: 'FAILED', cause: 'success-not-true', count: 1 },
    ]);
    await fleet.tick(61 * minuteMs);
    expect(await count(campaignId, 'TIMED_OUT')).toBe(19);
    await fleet.report(late!, told.confirmed());
    expect(await count(campaignId, 'SUCCEEDED')).toBe(0);
  });

  test('about the action of another thing is refused and recorded', async () => {
    await started();
    const [mine, other] = offered();
    const { actionId } = fleet.campaigns.offers.of(other!)!;
    const report = { ...told.confirmed(), update: { outcome: 'confirmed', version: '2.0.0', actionId } };
    await expect(fleet.report(mine!, report)).rejects.toMatchObject({ code: 'campaigns.action_unknown' });
    expect(fleet.denied).toEqual([
      `the report is about action ${actionId}, which is not one of thing \`${mine}\``,
    ]);
    expect(offered()).toHaveLength(20);
    await fleet.report(other!, report);
    expect(offered()).toHaveLength(19);
  });

  test('is never lost when the records fail: it is refused, and told again it counts', async () => {
    const campaignId = await started();
    const [name] = offered();
    fleet.records.failures = 1;
    await expect(fleet.report(name!, told.confirmed())).rejects.toThrow('the disk is full');
    expect(await count(campaignId, 'SUCCEEDED')).toBe(0);
    await fleet.report(name!, told.confirmed());
    expect(await count(campaignId, 'SUCCEEDED')).toBe(1);
  });
});

test('what a device reports, NUL included, fails the writes of no other device', async () => {
  const [hostile, honest] = fleet.names;
  fleet.reports.set(hostile!, { installed: { version: '1.0.0\0' } });
  const campaignId = await started();
  expect(offered()).toHaveLength(20);
  const nul = { update: { outcome: 'rolled-back', version: '2.0.0', reason: 'health: \0' } };
  await Promise.all([fleet.report(hostile!, nul), fleet.report(honest!, told.confirmed())]);
  expect([await count(campaignId, 'FAILED'), await count(campaignId, 'SUCCEEDED')]).toEqual([1, 1]);
});

test('a campaign that cannot go on holds up no other', async () => {
  await started();
  const { campaignId } = await fleet.create({}, { releasePath: 'pump-2.1.0.bin' });
  await change(campaignId, 'start');
  await fleet.tick();
  for (const name of fleet.names) await fleet.report(name, told.confirmed());
  fleet.records.failures = 1;
  await expect(fleet.tick(61 * minuteMs)).rejects.toThrow('the disk is full');
  expect(offered()).toHaveLength(20);
});

test('a tick that fails costs nobody their turn', async () => {
  const { campaignId } = await fleet.create();
  await change(campaignId, 'start');
  await fleet.tick();
  fleet.records.failures = 1;
  await expect(fleet.tick()).rejects.toThrow('the disk is full');
  await fleet.tick();
  expect(offered()).toHaveLength(20);
  fleet.records.failures = 1;
  await expect(fleet.tick(61 * minuteMs)).rejects.toThrow('the disk is full');
  await fleet.tick();
  expect(await count(campaignId, 'TIMED_OUT')).toBe(20);
});

test('things that come to the group of a continuous campaign join it, and it goes on until it is cancelled', async () => {
  const target = { attributes: {}, isContinuous: true };
  const campaignId = await started({}, { target });
  for (const name of offered()) await fleet.report(name, told.confirmed());
  await fleet.tick(20_000);
  expect((await fleet.campaigns.get(campaignId)).state).toBe('RUNNING');
  fleet.join('late');
  await fleet.tick(20_000, 2);
  expect(fleet.campaigns.offers.of(parseThingName('late'))?.campaignId).toBe(campaignId);
  await change(campaignId, 'cancel');
  await fleet.tick();
  expect((await fleet.campaigns.get(campaignId)).endedAtMs).toBeDefined();
});

test('a query is settled at the start, and what comes to match it joins a continuous campaign, also by time alone', async () => {
  const snapshot = { query: 'name:pump-0*', attributes: {}, isContinuous: false };
  const { campaignId } = await fleet.create({}, { target: snapshot });
  await change(campaignId, 'start');
  await fleet.tick(1_000, 2);
  fleet.join('pump-0-more');
  await fleet.tick(20_000, 2);
  expect(await fleet.campaigns.get(campaignId)).toMatchObject({ things: 1, target: snapshot });

  const target = { query: 'created.age>1h', attributes: {}, isContinuous: true };
  const late = await fleet.create({}, { target, releasePath: 'pump-2.1.0.bin' });
  await change(late.campaignId, 'start');
  await fleet.tick(1_000, 2);
  const { things } = await fleet.campaigns.get(late.campaignId);
  fleet.join('young', fleet.clock.now());
  await fleet.tick(20_000, 2);
  expect((await fleet.campaigns.get(late.campaignId)).things).toBe(things);
  await fleet.tick(61 * minuteMs, 2);
  expect((await fleet.campaigns.get(late.campaignId)).things).toBe(things + 1);
});

test('a campaign is not made for a query that is none, and not begun for one that finds nothing', async () => {
  const wanted = (query: string) => ({ target: { query, attributes: {}, isContinuous: false } });
  await expect(fleet.create({}, wanted('colour:red'))).rejects.toMatchObject({
    code: 'search.field_unknown',
  });
  await expect(fleet.create({}, wanted('name:'))).rejects.toMatchObject({ code: 'search.query_invalid' });
  const { campaignId } = await fleet.create({}, wanted('type:none'));
  await expect(change(campaignId, 'start')).rejects.toMatchObject({ code: 'campaigns.empty' });
});

test('a query for an attribute that is not searched any more pauses its continuous campaign, and starts none', async () => {
  const query = { query: 'attribute.zone:north', attributes: {}, isContinuous: true };
  const { campaignId } = await fleet.create({}, { target: query });
  await change(campaignId, 'start');
  await fleet.tick(1_000, 2);
  for (const [at, attribute] of ['a', 'b', 'c', 'd', 'zone'].entries()) {
    fleet.join(`extra-${at}`, 0, { [attribute]: 'north' });
    await fleet.tick(1_000);
  }
  await fleet.tick(20_000, 2);
  expect(await fleet.campaigns.get(campaignId)).toMatchObject({
    state: 'PAUSED',
    because: {
      cause: 'target',
      explanation: expect.stringContaining('raise the setting `search.attributesMax`'),
    },
  });
  const snapshot = { ...query, isContinuous: false };
  const refused = { code: 'search.not_indexed' };
  await expect(fleet.create({}, { target: snapshot, releasePath: 'pump-2.1.0.bin' })).rejects.toMatchObject(
    refused,
  );
});

test('a group that is removed pauses its continuous campaign, and ends one that has yet to take its things in', async () => {
  const groupName = parseGroupName('pumps');
  const target = { groupName, attributes: {}, isContinuous: true };
  const running = await started(
    { rate: { baseRatePerMinute: 1, incrementFactor: 1, maximumPerMinute: 1 } },
    { target },
  );
  const releasePath = 'pump-2.1.0.bin';
  const { campaignId } = await fleet.create({}, { target: { ...target, isContinuous: false }, releasePath });
  await change(campaignId, 'start');
  fleet.removedGroups.add(groupName);
  fleet.join('newcomer');
  await fleet.tick(20_000, 2);
  const state = async (id: string) => {
    const { state: now, because } = await fleet.campaigns.get(id);
    return [now, because?.cause, because?.explanation];
  };
  const explanation = 'its things cannot be told any more: there is no group `pumps`';
  expect(await state(running)).toEqual(['PAUSED', 'target', explanation]);
  expect(await state(campaignId)).toEqual(['CANCELLED', 'target', explanation]);
  await change(running, 'cancel');
});

test('a crash while the things are taken in costs none of them, and takes none in twice', async () => {
  fleet = await openFleet({ things: 25, limits: { stepsPerTickMax: 10 } });
  const { campaignId } = await fleet.create();
  await change(campaignId, 'start');
  await fleet.tick();
  expect(await fleet.campaigns.get(campaignId)).toMatchObject({ state: 'GATHERING', things: 10 });
  await fleet.restart();
  await fleet.tick(1_000, 3);
  expect(await fleet.campaigns.get(campaignId)).toMatchObject({ state: 'RUNNING', things: 25 });
});

test('a release that is withdrawn is offered to nobody, and pauses the campaign', async () => {
  const campaignId = await started();
  fleet.published.delete('pump-2.0.0.bin');
  expect(offered()).toEqual([]);
  await fleet.tick();
  expect((await fleet.campaigns.get(campaignId)).because?.cause).toBe('release');
});

describe('rolling the fleet back', () => {
  test('says of a campaign that never began that there is nothing to take back', async () => {
    const { campaignId } = await fleet.create();
    const refused = fleet.campaigns.rollBack(campaignId, bob);
    await expect(refused).rejects.toThrow('the campaign never began: there is nothing to take back');
  });

  test('says what to publish while there is nothing that devices would go to', async () => {
    const campaignId = await started();
    for (const name of offered()) await fleet.report(name, told.confirmed());
    const refused = fleet.campaigns.rollBack(campaignId, bob);
    await expect(refused).rejects.toMatchObject({ code: 'campaigns.no_way_back' });
    await expect(refused).rejects.toThrow(
      `publish the bytes of 1.0.0 (SHA-256 \`${sha256Hex('1.0.0')}\`, before on 20 of its things) as a version above 2.0.0`,
    );
  });

  test('takes one command once the old bytes are published above it: what was updated goes there, the rest is left alone', async () => {
    const campaignId = await started({ stages: canaryFirst });
    const [canary] = offered();
    await fleet.report(canary!, told.confirmed());
    await fleet.tick(1_000, 2);
    const [, begun] = offered();
    await fleet.report(begun!, told.waiting());
    const back = release('2.0.1', '1.0.0');
    fleet.published.set(back.path, back);
    const { campaignId: backId } = await fleet.campaigns.rollBack(campaignId, bob);
    await fleet.tick(1_000, 4);
    expect((await fleet.campaigns.get(campaignId)).state).toBe('CANCELLED');
    expect(fleet.campaigns.offers.of(canary!)?.path).toBe('pump-2.0.1.bin');
    expect(await fleet.campaigns.get(backId)).toMatchObject({ state: 'RUNNING', things: 10 });
    // It may come up with the bad release yet: then it goes back as well.
    await fleet.report(begun!, told.confirmed());
    await fleet.tick(minuteMs, 2);
    expect(new Set(offered())).toEqual(new Set([canary, begun]));
    for (const name of offered()) await fleet.report(name, runs('2.0.1', '1.0.0'));
    await fleet.tick(1_000, 2);
    expect(await fleet.campaigns.get(backId)).toMatchObject({
      state: 'COMPLETED',
      counts: { SUCCEEDED: 2, SKIPPED: 8 },
    });
  });
});

test('a thing that is removed is let go', async () => {
  const campaignId = await started();
  const [name] = offered();
  await fleet.records.transactor.transact((tx) => fleet.campaigns.forgetThing(tx, name!));
  expect(fleet.campaigns.offers.of(name!)).toBeUndefined();
  expect(await fleet.campaigns.actions({ campaignId, state: 'CANCELLED', limit: 9 })).toMatchObject([
    { thingName: name, cause: 'thing-removed' },
  ]);
});

test('a tick that fails offers nobody the same twice when it is tried again', async () => {
  const slow = { baseRatePerMinute: 2, incrementFactor: 1, maximumPerMinute: 2 };
  const { campaignId } = await fleet.create({ rate: slow });
  await change(campaignId, 'start');
  await fleet.tick();
  fleet.records.failures = 1;
  await expect(fleet.tick()).rejects.toThrow('the disk is full');
  await fleet.tick(minuteMs, 2);
  const { length } = offered();
  expect(length).toBeGreaterThan(3);
  expect(fleet.records.offered).toHaveLength(length);
});
