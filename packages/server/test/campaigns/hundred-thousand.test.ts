import type { JsonObject, ThingName } from '@fleetward/core';
import { seededRandom, temporaryFolder } from '@fleetward/testkit';
import { expect, test } from 'vitest';
import type { Action } from '../../src/campaigns/store.ts';
import { openStorage } from '../../src/storage/index.ts';
import { ada, type Fleet, minuteMs, openFleet, runs, told } from './fleet.ts';

const things = 100_000;
const seed = 4_711;

/** Devices that were offered something say what came of it after a while: most of them well. */
class Devices {
  readonly #fleet: Fleet;
  readonly #random = seededRandom(seed);
  readonly #due = new Map<number, { readonly name: ThingName; readonly report: JsonObject }[]>();
  readonly #offered: readonly Action[];
  #seen = 0;

  constructor(fleet: Fleet, offered: readonly Action[]) {
    this.#fleet = fleet;
    this.#offered = offered;
  }

  async act(second: number): Promise<void> {
    for (; this.#seen < this.#offered.length; this.#seen++)
      this.#plan(this.#offered[this.#seen]!.thingName, second);
    const due = this.#due.get(second) ?? [];
    this.#due.delete(second);
    await Promise.all(due.map(({ name, report }) => this.#fleet.report(name, report)));
  }

  #plan(name: ThingName, second: number): void {
    if (this.#fleet.campaigns.offers.of(name)?.path !== 'pump-2.0.0.bin')
      throw new Error(`${name} has no offer`);
    const [lot = 0, delay = 0] = this.#random.bytes(2);
    if (lot < 2) return; // it is never heard of again
    const at = second + 1 + (delay % 30);
    this.#due.set(at, [...(this.#due.get(at) ?? []), { name, report: reportOf(lot) }]);
  }
}

function reportOf(lot: number): JsonObject {
  if (lot < 4) return told.rolledBack();
  if (lot < 6) return told.failed();
  return told.confirmed();
}

/** `FLEETWARD_CAMPAIGN=sqlite`: on real records, on a disk. */
async function openRecords(disposal: AsyncDisposableStack) {
  if (process.env.FLEETWARD_CAMPAIGN !== 'sqlite') return undefined;
  const folder = disposal.use(temporaryFolder('fleetward-campaign-'));
  const limits = { transactionMs: 60_000, transactionsPendingMax: 100 };
  const { stores, transactor, close } = await openStorage({ kind: 'sqlite', folder: folder.path, ...limits });
  disposal.defer(close);
  const offered: Action[] = [];
  const saveActions: typeof stores.campaigns.saveActions = async (tx, actions) => {
    await stores.campaigns.saveActions(tx, actions);
    tx.afterCommit(() => offered.push(...actions.filter(({ state }) => state === 'OFFERED')));
  };
  return { store: { ...stores.campaigns, saveActions }, transactor, offered };
}

test('100,000 devices go through four stages, each to one end, and the counts always add up', async () => {
  await using disposal = new AsyncDisposableStack();
  const kept = await openRecords(disposal);
  const fleet = await openFleet({ things, seed, ...(kept === undefined ? {} : { kept }) });
  for (const name of fleet.names) fleet.reports.set(name, runs('1.0.0'));
  const { campaignId } = await fleet.create({
    stages: [
      { share: { kind: 'things', count: 1 }, successPercentMin: 0 },
      { share: { kind: 'percent', percent: 5 }, executedMin: 4_500, successPercentMin: 90 },
      { share: { kind: 'percent', percent: 50 }, executedMin: 40_000, successPercentMin: 90 },
      { share: { kind: 'percent', percent: 100 }, successPercentMin: 0 },
    ],
    abort: [{ failure: 'ALL', executedMin: 100, percent: 10 }],
    retry: { retriesMax: 2, firstDelayMs: minuteMs, delayMaxMs: 4 * minuteMs },
    timeOutMs: 10 * minuteMs,
  });
  await fleet.campaigns.change({ campaignId, event: 'start' }, ada);
  const devices = new Devices(fleet, kept?.offered ?? fleet.records.offered);
  let progress = await fleet.campaigns.get(campaignId);
  for (let second = 0; progress.endedAtMs === undefined; second++) {
    expect(second).toBeLessThan(20_000);
    await fleet.tick();
    await devices.act(second);
    progress = await fleet.campaigns.get(campaignId);
    if (progress.state === 'GATHERING') continue;
    const sum = Object.values(progress.counts).reduce((total, count) => total + count, 0);
    expect([sum, progress.things]).toEqual([things, things]);
  }
  expect([progress.state, progress.stage]).toEqual(['COMPLETED', 3]);
  const { SUCCEEDED = 0, FAILED = 0, TIMED_OUT = 0 } = progress.counts;
  expect(SUCCEEDED + FAILED + TIMED_OUT).toBe(things);
  expect(SUCCEEDED).toBeGreaterThan(0.97 * things);
  expect(progress.stages.map((stage) => stage.things)).toEqual([1, 4_999, 45_000, 50_000]);
  if (kept === undefined)
    expect(new Set(fleet.records.all().map(({ thingName }) => thingName)).size).toBe(things);
});
