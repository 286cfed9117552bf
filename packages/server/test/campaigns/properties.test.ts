import type { ThingName } from '@fleetward/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isActive, isEnd, isStopped } from '../../src/campaigns/steps.ts';
import type { Terms } from '../../src/campaigns/terms.ts';
import { ada, bob, type Fleet, minuteMs, openFleet, runs, told } from './fleet.ts';

const thingCount = 8;
const at = fc.nat({ max: thingCount - 1 });
const campaignAt = fc.nat({ max: 2 });

/** What may happen, in any order. A step that may not be taken is refused, and nothing has changed. */
const happening = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('tick' as const), seconds: fc.nat({ max: 300 }) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('report' as const),
      at,
      what: fc.constantFrom('confirmed', 'rolledBack', 'waiting', 'failed', 'refused'),
      version: fc.constantFrom('2.0.0', '2.1.0'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('step' as const),
      campaignAt,
      event: fc.constantFrom('approve', 'start', 'start', 'pause', 'resume', 'resume', 'resume', 'cancel'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), at }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('full disk' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('roll back' as const), campaignAt }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('withdraw' as const) }) },
);
type Happening = typeof happening extends fc.Arbitrary<infer Value> ? Value : never;

const terms: fc.Arbitrary<Partial<Terms>> = fc.record({
  stages: fc.constantFrom<Terms['stages']>(
    [{ share: { kind: 'percent', percent: 100 }, successPercentMin: 0 }],
    [
      { share: { kind: 'things', count: 1 }, successPercentMin: 100 },
      { share: { kind: 'percent', percent: 50 }, executedMin: 2, successPercentMin: 60 },
      { share: { kind: 'percent', percent: 100 }, successPercentMin: 0 },
    ],
  ),
  rate: fc
    .record({ base: fc.constantFrom(1, 3, 600), factor: fc.constantFrom(1, 2) })
    .map(({ base, factor }) => ({
      baseRatePerMinute: base,
      incrementFactor: factor,
      increaseAfter: { of: 'notified' as const, count: 2 },
      maximumPerMinute: 600,
    })),
  abort: fc.constantFrom<Terms['abort']>([], [{ failure: 'ALL', executedMin: 2, percent: 50 }]),
  retry: fc
    .constantFrom(0, 1, 3)
    .map((retriesMax) => ({ retriesMax, firstDelayMs: 1_000, delayMaxMs: minuteMs })),
  timeOutMs: fc.constantFrom(2 * minuteMs, 60 * minuteMs),
});

async function happen(fleet: Fleet, ids: readonly string[], one: Happening): Promise<void> {
  switch (one.kind) {
    case 'tick':
      return fleet.tick(one.seconds * 1_000);
    case 'report': {
      const name = fleet.names[one.at]!;
      if (fleet.attributes.has(name)) await fleet.report(name, told[one.what](one.version));
      return;
    }
    case 'step':
      await fleet.campaigns.change({ campaignId: ids[one.campaignAt]!, event: one.event }, bob);
      return;
    case 'remove': {
      const name = fleet.names[one.at]!;
      await fleet.records.transactor.transact((tx) => fleet.campaigns.forgetThing(tx, name));
      fleet.attributes.delete(name);
      return;
    }
    case 'restart':
      return fleet.restart();
    case 'full disk':
      fleet.records.failures = 1;
      return;
    case 'roll back':
      await fleet.campaigns.rollBack(ids[one.campaignAt]!, bob);
      return;
    case 'withdraw':
      fleet.published.delete('pump-2.1.0.bin');
  }
}

/** A refusal is a value here: only what must never be throws through. */
async function tryTo(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const { message, code } = error as Error & { readonly code?: string };
    if (code?.startsWith('campaigns.') !== true && message !== 'the disk is full') throw error;
  }
}

async function assertSound(fleet: Fleet): Promise<void> {
  const actions = fleet.records.all();
  const active = Map.groupBy(
    actions.filter(({ state }) => isActive(state)),
    ({ thingName }) => thingName,
  );
  for (const [name, own] of active) {
    expect([name, own.length]).toEqual([name, 1]);
    const offer = fleet.campaigns.offers.of(name);
    if (offer === undefined) continue;
    expect(offer.actionId).toBe(own[0]!.actionId);
    const { state } = await fleet.campaigns.get(offer.campaignId);
    expect([own[0]!.state === 'OFFERED' && state !== 'RUNNING', name]).toEqual([false, name]);
  }
  for (const name of fleet.names)
    if (!active.has(name)) expect(fleet.campaigns.offers.of(name)).toBeUndefined();
  for (const campaign of await fleet.campaigns.list()) {
    const own = actions.filter(({ campaignId }) => campaignId === campaign.campaignId);
    expect(campaign.things).toBe(own.length);
    const sum = Object.values(campaign.counts).reduce((total, count) => total + count, 0);
    expect(sum).toBe(own.length);
    const staged = campaign.stages.flatMap(({ counts }) => Object.values(counts));
    expect(staged.reduce((total, count) => total + count, 0)).toBe(
      own.filter(({ stage }) => stage !== undefined).length,
    );
    expect(new Set(own.map(({ thingName }) => thingName)).size).toBe(own.length);
    if (campaign.endedAtMs === undefined) continue;
    expect(isStopped(campaign.state)).toBe(true);
    expect(own.filter(({ state }) => !isEnd(state))).toEqual([]);
  }
}

/** After a stop nothing may be offered that was not begun. */
function assertStopped(fleet: Fleet, before: ReadonlySet<ThingName>, stopped: ReadonlySet<string>): void {
  for (const name of fleet.names) {
    const offer = fleet.campaigns.offers.of(name);
    if (offer !== undefined && stopped.has(offer.campaignId)) expect(before.has(name)).toBe(true);
  }
}

test('whatever happens: one offer a thing, sums that add up, no start after a stop, one end for each', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(terms, { minLength: 3, maxLength: 3 }),
      fc.array(happening, { maxLength: 60 }),
      async (allTerms, happenings) => {
        const fleet = await openFleet({ things: thingCount, limits: { stepsPerTickMax: 3, keptMax: 1 } });
        for (const name of fleet.names) fleet.reports.set(name, runs('1.0.0'));
        const ids: string[] = [];
        for (const [index, one] of allTerms.entries()) {
          const releasePath = index === 1 ? 'pump-2.1.0.bin' : 'pump-2.0.0.bin';
          const made = await fleet.create(one, { releasePath, needsApproval: index === 2 });
          ids.push(made.campaignId);
          if (index < 2) await fleet.campaigns.change({ campaignId: made.campaignId, event: 'start' }, ada);
        }
        await fleet.tick(1_000, 5);
        for (const one of happenings) {
          const campaigns = await fleet.campaigns.list();
          const stopped = new Set(
            campaigns.filter(({ state }) => isStopped(state)).map(({ campaignId }) => campaignId),
          );
          const before = new Set(fleet.names.filter((name) => fleet.campaigns.offers.of(name) !== undefined));
          // A device that tells that it has begun had begun before the stop.
          if (one.kind === 'report') before.add(fleet.names[one.at]!);
          await tryTo(() => happen(fleet, ids, one));
          assertStopped(fleet, before, stopped);
          await assertSound(fleet);
        }
        fleet.records.failures = 0;
        for (const { campaignId, state } of await fleet.campaigns.list())
          if (!isStopped(state)) await fleet.campaigns.change({ campaignId, event: 'cancel' }, ada);
        await fleet.tick(61 * minuteMs, 40);
        await assertSound(fleet);
        expect(fleet.records.all().filter(({ state }) => !isEnd(state))).toEqual([]);
        expect(fleet.campaigns.counts.open).toBe(0);
      },
    ),
    { numRuns: 150 },
  );
});
