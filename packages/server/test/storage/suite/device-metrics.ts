import { parseThingName } from '@fleetward/core';
import { expect, test } from 'vitest';
import type { StoredReport } from '../../../src/device-metrics/store.ts';
import type { Opened } from './backend.ts';

export function describeDeviceMetrics(opened: () => Opened): void {
  const report = (thing: string, reportId: number, receivedAtMs = reportId): StoredReport => ({
    thingName: parseThingName(thing),
    reportId,
    receivedAtMs,
    bytes: 10 * (reportId % 1_000),
    numbers: { a: reportId / 4, 'aws:all-bytes-in': Number.MAX_SAFE_INTEGER },
    report: {
      header: { report_id: reportId, version: '1.0' },
      custom_metrics: { ä: [{ string_list: ['é'] }] },
    },
  });
  const summaryOf = ({ report: _, ...summary }: StoredReport) => summary;
  const always = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, limit: 10 };

  test('are listed newest first, read whole, and their numbers by rising id, in pages and within a time', async () => {
    const { stores, transact } = opened();
    const large = Number.MAX_SAFE_INTEGER;
    const reports = [1, 2, 3, large].map((reportId) => report('dm-a', reportId, Math.min(reportId, 9)));
    await transact((tx) => stores.deviceMetrics.add(tx, [...reports, report('dm-a0', 2)]));
    const [first, second, third, last] = reports as [StoredReport, StoredReport, StoredReport, StoredReport];
    const { deviceMetrics } = stores;
    const { thingName } = first;
    expect(await deviceMetrics.list(thingName, { ...always, limit: 2 })).toEqual(
      [last, third].map(summaryOf),
    );
    expect(await deviceMetrics.list(thingName, { ...always, before: 3 })).toEqual(
      [second, first].map(summaryOf),
    );
    const between = { fromMs: 2, toMs: 3, limit: 10 };
    expect(await deviceMetrics.list(thingName, between)).toEqual([summaryOf(second)]);
    expect(await deviceMetrics.newest(thingName)).toEqual(last);
    expect(await deviceMetrics.find(thingName, 2)).toEqual(second);
    expect(await deviceMetrics.find(thingName, 4)).toBeUndefined();
    expect(await deviceMetrics.newest(parseThingName('dm-none'))).toBeUndefined();
    const numbers = await deviceMetrics.numbers(thingName, { ...always, after: 1, limit: 2 });
    expect(numbers).toEqual(
      [second, third].map(({ reportId, receivedAtMs, numbers: said }) => ({
        reportId,
        receivedAtMs,
        numbers: said,
      })),
    );
  });

  test('are removed by id, found by age over all things, and forgotten with what is known of them', async () => {
    const { stores, transact } = opened();
    const { deviceMetrics } = stores;
    const reports = [
      report('dm-b', 1, -5),
      report('dm-b', 2, -4),
      report('dm-c', 1, -6),
      report('dm-c', 2, 9),
    ];
    const [one, two, other] = reports as [StoredReport, StoredReport, StoredReport];
    const heads = ['dm-b', 'dm-c'].map((name) => {
      const thingName = parseThingName(name);
      return { thingName, reportId: 2, receivedAtMs: 9, reports: 2, bytes: 30 };
    });
    await transact(async (tx) => {
      await deviceMetrics.add(tx, reports);
      await deviceMetrics.saveHeads(tx, heads);
      await deviceMetrics.saveHeads(tx, [{ ...heads[0]!, reports: 1 }]);
      const names = heads.map(({ thingName }) => thingName);
      const found = await deviceMetrics.heads(tx, names);
      expect(found).toHaveLength(2);
      expect(found).toEqual(expect.arrayContaining([{ ...heads[0], reports: 1 }, heads[1]]));
      expect(await deviceMetrics.heads(tx, [])).toEqual([]);
      const keyOf = ({ thingName, reportId, bytes }: StoredReport) => ({ thingName, reportId, bytes });
      expect(await deviceMetrics.receivedBefore(tx, -4, 2)).toEqual([other, one].map(keyOf));
      expect(await deviceMetrics.oldest(tx, one.thingName, 9)).toEqual([one, two].map(keyOf));
      await deviceMetrics.remove(tx, one.thingName, [1, 7]);
      await deviceMetrics.remove(tx, one.thingName, []);
      expect(await deviceMetrics.oldest(tx, one.thingName, 9)).toEqual([keyOf(two)]);
      await deviceMetrics.forget(tx, one.thingName);
      expect(await deviceMetrics.oldest(tx, one.thingName, 9)).toEqual([]);
      expect(await deviceMetrics.heads(tx, names)).toEqual([heads[1]]);
    });
  });

  test('of a thing that is not registered are known to be so', async () => {
    const { stores, transact } = opened();
    const names = ['dm-new', 'dm-none'].map((name) => parseThingName(name));
    const thing = { name: names[0]!, attributes: {}, tags: {}, state: 'active' as const, createdAtMs: 1 };
    await transact(async (tx) => {
      await stores.things.add(tx, thing);
      expect(await stores.deviceMetrics.registered(tx, names)).toEqual([thing.name]);
      expect(await stores.deviceMetrics.registered(tx, [])).toEqual([]);
    });
  });
}
