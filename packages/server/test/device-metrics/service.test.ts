import { parseThingName, type ThingName, utf8 } from '@fleetward/core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { DeviceMetrics } from '../../src/device-metrics/index.ts';
import type { DeviceMetricsLimits } from '../../src/device-metrics/service.ts';
import { openRecords, type Records } from '../operators/records.ts';
import { limits, reportOf } from './sample.ts';

const operator = { kind: 'operator', operatorId: 'o' } as const;
const always = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, limit: 100 };
const minuteMs = 60_000;
const dayMs = 86_400_000;

let records: Records;
let lamp: ThingName;
let fan: ThingName;
let number = 0;

beforeAll(async () => {
  records = await openRecords();
});
afterAll(() => records.close());
/** Each test has things of its own, and the same time. */
beforeEach(async () => {
  records.clock.set('2026-01-01T00:00:00Z');
  number++;
  lamp = parseThingName(`lamp-${number}`);
  fan = parseThingName(`fan-${number}`);
  const { stores, transactor } = records.storage;
  await transactor.transact(async (tx) => {
    for (const name of [lamp, fan])
      await stores.things.add(tx, { name, attributes: {}, tags: {}, state: 'active', createdAtMs: 1 });
  });
});

function open(more: Partial<DeviceMetricsLimits> = {}, isThing = (_name: string) => true): DeviceMetrics {
  const { storage, clock, trail } = records;
  const { stores, transactor } = storage;
  return new DeviceMetrics({
    store: stores.deviceMetrics,
    transactor,
    trail,
    clock,
    isThing,
    limits: { ...limits, ...more },
  });
}

const send = (metrics: DeviceMetrics, reportId: number, thing: string = lamp) =>
  metrics.report(thing, utf8(JSON.stringify(reportOf(reportId))), 'json');

async function idsOf(metrics: DeviceMetrics, thing = lamp): Promise<readonly number[]> {
  return (await metrics.list(thing, always)).map(({ reportId }) => reportId);
}

test('report ids rise, also after a restart, and a report that is sent twice is kept once', async () => {
  const metrics = open();
  expect(await send(metrics, 5)).toMatchObject({ kind: 'accepted', reportId: 5 });
  records.clock.advance(minuteMs);
  for (const reportId of [5, 4])
    expect(await send(open(), reportId)).toMatchObject({ kind: 'rejected', code: 'InvalidPayload' });
  expect(await send(open(), 6)).toMatchObject({ kind: 'accepted' });
  expect(await send(metrics, 1, fan)).toMatchObject({ kind: 'accepted' });
  expect(await idsOf(metrics)).toEqual([6, 5]);
  const kept = await metrics.get(lamp);
  expect(kept).toMatchObject({ reportId: 6, report: reportOf(6), numbers: { battery: 87.5 } });
  expect(await metrics.get(lamp, 5)).toMatchObject({ reportId: 5 });
  await expect(metrics.get(lamp, 7)).rejects.toMatchObject({ code: 'device_metrics.not_found' });
});

test('of reports that come together the first of an interval is kept, and each is answered', async () => {
  const metrics = open();
  const answers = await Promise.all([1, 2, 3].map((reportId) => send(metrics, reportId)));
  expect(answers.map(({ kind }) => kind)).toEqual(['accepted', 'rejected', 'rejected']);
  expect(answers[2]).toMatchObject({ code: 'Throttled' });
  records.clock.advance(minuteMs - 1);
  expect(await send(metrics, 4)).toMatchObject({ code: 'Throttled' });
  records.clock.advance(1);
  expect(await send(metrics, 4)).toMatchObject({ kind: 'accepted' });
  // A clock that is set back does not silence a device.
  records.clock.advance(-dayMs);
  expect(await send(metrics, 5)).toMatchObject({ kind: 'accepted' });
  expect(metrics.counts).toEqual({ accepted: 3, rejected: 0, throttled: 3, removed: 0 });
});

test('attempts of a thing are bounded before anything of them is read', async () => {
  const metrics = open({ attemptsPerSecondMax: 2 });
  const noReport = () => metrics.report(lamp, utf8('nothing'), 'json');
  for (const code of ['InvalidPayload', 'InvalidPayload', 'Throttled'])
    expect(await noReport()).toMatchObject({ kind: 'rejected', code });
  expect(await metrics.report(fan, utf8('nothing'), 'json')).toMatchObject({ code: 'InvalidPayload' });
});

test('what waits is bounded in bytes', async () => {
  const metrics = open({ bytesPendingMax: 1_500 });
  const answers = await Promise.all([send(metrics, 1), send(metrics, 1, fan)]);
  expect(answers).toMatchObject([{ kind: 'accepted' }, { kind: 'rejected', code: 'Throttled' }]);
});

test('a thing that is not there has no reports, also when it went while one came', async () => {
  const gone = open({}, () => false);
  for (const name of [lamp, 'no such/thing', ''])
    expect(await send(gone, 1, name)).toMatchObject({ code: 'ResourceNotFound' });
  expect(await send(open(), 1, 'removed')).toMatchObject({ code: 'ResourceNotFound' });
});

test('the oldest reports of a thing give way to its new ones, by number and by bytes', async () => {
  const byNumber = open({ reportsPerThingMax: 2 });
  for (const reportId of [1, 2, 3, 4]) {
    records.clock.advance(minuteMs);
    await send(byNumber, reportId);
    await send(byNumber, reportId, fan);
  }
  expect(await idsOf(byNumber)).toEqual([4, 3]);
  const [{ bytes = 0 } = {}] = await byNumber.list(lamp, always);
  const byBytes = open({ bytesPerThingMax: 3 * bytes });
  for (const reportId of [5, 6, 7]) {
    records.clock.advance(minuteMs);
    await send(byBytes, reportId);
  }
  expect(await idsOf(byBytes)).toEqual([7, 6, 5]);
  expect(await idsOf(byBytes, fan)).toEqual([4, 3]);
  expect(byNumber.counts.removed + byBytes.counts.removed).toBe(6);
});

test('reports are removed for their age, and their ids do not come again', async () => {
  const metrics = open({ retentionDays: 2, reportsPerThingMax: 3 });
  for (const reportId of [1, 2, 3]) {
    await send(metrics, reportId);
    records.clock.advance(dayMs);
  }
  await metrics.removeOld();
  expect(await idsOf(metrics)).toEqual([3, 2]);
  // What is gone is not counted any more: there is room for one.
  await send(metrics, 4);
  expect(await idsOf(metrics)).toEqual([4, 3, 2]);
  records.clock.advance(9 * dayMs);
  await metrics.removeOld();
  expect(await idsOf(metrics)).toEqual([]);
  expect(await send(metrics, 4)).toMatchObject({ code: 'InvalidPayload' });
});

test('of a metric that is a number there is the least, the mean and the greatest over time', async () => {
  const metrics = open({ intervalSecondsMin: 1, reportsPendingMax: 2_000 });
  const startMs = records.clock.now();
  const sent: Promise<unknown>[] = [];
  for (let minute = 0; minute < 1_010; minute++) {
    const custom_metrics = {
      load: [{ number: minute }],
      ...(minute % 2 ? { odd: [{ number: 1e308 }] } : {}),
    };
    const report = { header: reportOf(minute).header, custom_metrics };
    sent.push(metrics.report(lamp, utf8(JSON.stringify(report)), 'json'));
    records.clock.advance(minuteMs);
  }
  await Promise.all(sent);
  const range = { fromMs: startMs, toMs: startMs + 1_020 * minuteMs };
  const tenMinutes = { ...range, metricName: 'load', bucketMs: 10 * minuteMs };
  const buckets = await metrics.history(lamp, tenMinutes);
  expect(buckets).toHaveLength(101);
  expect(buckets[0]).toEqual({ fromMs: startMs, count: 10, min: 0, avg: 4.5, max: 9 });
  expect(buckets.at(-1)).toMatchObject({ fromMs: startMs + 1_000 * minuteMs, min: 1_000, max: 1_009 });
  const [whole] = await metrics.history(lamp, { ...range, metricName: 'odd', bucketMs: dayMs });
  expect(whole).toMatchObject({ count: 505, min: 1e308, max: 1e308 });
  expect(whole!.avg / 1e308).toBeCloseTo(1);
  expect(await metrics.history(lamp, { ...tenMinutes, metricName: 'constructor' })).toEqual([]);
  const tooFine = metrics.history(lamp, { ...tenMinutes, bucketMs: 1_000 });
  await expect(tooFine).rejects.toMatchObject({ code: 'device_metrics.range_too_long' });
});

test('an operator deletes the reports of a thing, which is in the trail, and ids begin anew', async () => {
  const metrics = open();
  await send(metrics, 9);
  await send(metrics, 9, fan);
  await metrics.delete(lamp, operator);
  expect(await records.kinds()).toEqual(['device_metrics.deleted']);
  expect(await idsOf(metrics)).toEqual([]);
  expect(await send(metrics, 1)).toMatchObject({ kind: 'accepted' });
  expect(await idsOf(metrics, fan)).toEqual([9]);
});
