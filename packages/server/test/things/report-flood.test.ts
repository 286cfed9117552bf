import { type JsonObject, parseThingName, type ThingName, type Transactor } from '@fleetward/core';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ReportLimits, Things } from '../../src/things/index.ts';
import { issueDevice, openPlatform, type Platform } from '../certificates/test-platform.ts';

const operator = { kind: 'operator', operatorId: 'ada' } as const;
const pump = parseThingName('pump');
const patient: ReportLimits = {
  reportsPerSecondMax: 1_000_000,
  reportTransactionsMax: 64,
  reportsPendingMax: 1_024,
};

/** How many transactions there are: begun in all, and waiting or under way. */
class Counted {
  begun = 0;
  open = 0;
  openMax = 0;
  failing = false;

  wrap(transactor: Transactor): Transactor {
    return {
      transact: async (work) => {
        if (this.failing) throw new Error('the disk is gone');
        this.begun++;
        this.openMax = Math.max(this.openMax, ++this.open);
        try {
          return await transactor.transact(work);
        } finally {
          this.open--;
        }
      },
    };
  }
}

let folder: TemporaryFolder;
let counted: Counted;
let platform: Platform;
let things: Things;
/** What was written, in order. */
let written: JsonObject[];
/** For each transaction of the platform, how many of the reports were before it in the queue. */
let reportsAhead: number[];

function tellingAhead(transactor: Transactor): Transactor {
  return {
    transact: (work) => {
      reportsAhead.push(counted.open);
      return transactor.transact(work);
    },
  };
}

beforeEach(async () => {
  folder = temporaryFolder();
  counted = new Counted();
  reportsAhead = [];
  platform = await openPlatform({
    folder: folder.path,
    wrapStorage: (storage) => ({ ...storage, transactor: tellingAhead(storage.transactor) }),
  });
});

afterEach(async () => {
  await platform.close();
  folder.remove();
});

async function open(reportLimits: ReportLimits, names: readonly ThingName[]): Promise<void> {
  const { storage, trail, clock, certificates } = platform;
  const { things: store } = storage.stores;
  written = [];
  things = await Things.open({
    store: {
      ...store,
      saveReport: (tx, report) => {
        written.push(report.report);
        return store.saveReport(tx, report);
      },
    },
    transactor: counted.wrap(storage.transactor),
    trail,
    clock,
    announce: () => undefined,
    isKnownCertificate: (certificateId) => certificates.isKnown(certificateId),
    isRevoked: () => false,
    requiredOf: () => [],
    whileKept: (_, work) => work(),
    forget: async () => undefined,
    reportLimits,
  });
  for (const name of names) await things.create({ name }, operator);
  counted.begun = 0;
  counted.openMax = 0;
}

const save = (name: ThingName, report: JsonObject) => things.reports.save(name, report);
const reportOf = async (name: ThingName) => (await things.reports.find(name))?.report;

describe('reports of one thing', () => {
  test('that come at once are two writes, the first and the newest, and each is answered by one as new', async () => {
    await open(patient, [pump]);
    const answers = Array.from({ length: 500 }, (_, n) => save(pump, { n }));
    await answers[1];
    expect(await reportOf(pump)).toEqual({ n: 499 });
    await Promise.all(answers);
    expect(written).toEqual([{ n: 0 }, { n: 499 }]);
    expect(counted.begun).toBe(2);
  });

  test('above their rate are told when to come again, and no other thing is', async () => {
    const valve = parseThingName('valve');
    await open({ ...patient, reportsPerSecondMax: 3 }, [pump, valve]);
    for (let n = 0; n < 3; n++) await save(pump, { n });
    await expect(save(pump, { n: 3 })).rejects.toMatchObject({
      code: 'things.too_many_reports',
      details: { retryAfterSeconds: 1 },
    });
    await save(valve, {});
    await things.reports.note(pump, { n: 'of the platform' });
    platform.clock.advance(1_000);
    await save(pump, { n: 4 });
    expect(await reportOf(pump)).toEqual({ n: 4 });
  });

  test('go on after one that could not be kept', async () => {
    await open(patient, [pump]);
    counted.failing = true;
    const lost = [save(pump, { n: 0 }), save(pump, { n: 1 })];
    await Promise.all(lost.map((answer) => expect(answer).rejects.toThrow('the disk is gone')));
    counted.failing = false;
    await save(pump, { n: 2 });
    expect(await reportOf(pump)).toEqual({ n: 2 });
  });
});

describe('reports of many things', () => {
  const names = Array.from({ length: 200 }, (_, n) => parseThingName(`thing-${n}`));

  test('never have more transactions at once than they may, and each is kept', async () => {
    await open({ ...patient, reportTransactionsMax: 8 }, names);
    await Promise.all(names.map((name) => save(name, { name })));
    expect(counted.openMax).toBe(8);
    expect(await Promise.all(names.map(reportOf))).toEqual(names.map((name) => ({ name })));
  });

  test('beyond those that may wait are told to come again', async () => {
    await open({ ...patient, reportTransactionsMax: 1, reportsPendingMax: 2 }, names);
    const outcomes = await Promise.allSettled(names.slice(0, 5).map((name) => save(name, {})));
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ]);
    expect(outcomes.at(-1)).toMatchObject({ reason: { code: 'store.busy' } });
  });

  test('leave a revocation behind none but the few under way', async () => {
    await open({ ...patient, reportTransactionsMax: 8 }, names);
    const { certificateId } = (await issueDevice(platform, 'pump')).record;
    const flood = names.map((name) => save(name, {}));
    reportsAhead = [];
    await platform.certificates.revoke({ certificateId, reason: 'keyCompromise' }, operator);
    expect(reportsAhead.length).toBeGreaterThan(0);
    expect(Math.max(...reportsAhead)).toBe(8);
    await Promise.all(flood);
  });
});
