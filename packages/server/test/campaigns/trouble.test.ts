import { parseThingName, type ThingName } from '@fleetward/core';
import { seededRandom } from '@fleetward/testkit';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { TroubleRule } from '../../src/campaigns/terms.ts';
import { brokenTrouble, type HourCount, type Side, type TroubleSeen } from '../../src/campaigns/trouble.ts';
import { type Sight, TroubleWatch } from '../../src/campaigns/trouble-watch.ts';
import { ada, type Fleet, minuteMs, openFleet, runs, told } from './fleet.ts';

const hourMs = 60 * minuteMs;
const rule: TroubleRule = { kind: 'disconnects', thingsMin: 5, deviceHoursMin: 10, timesMin: 2 };
const things = (count: number) => Array.from({ length: count }, (_, at) => parseThingName(`pump-${at}`));

const count = fc
  .nat({ max: 200 })
  .chain((deviceHours) =>
    fc.record({ deviceHours: fc.constant(deviceHours), troubled: fc.nat({ max: deviceHours }) }),
  );
const hour: fc.Arbitrary<HourCount> = fc.record({ updated: count, rest: count });
const hours = fc.array(hour, { maxLength: 24 });
const seen = (all: readonly HourCount[], thingCount = 50): TroubleSeen => {
  return { kind: 'disconnects', hours: all, things: things(thingCount) };
};
const isBroken = (all: readonly HourCount[], changes: Partial<TroubleRule> = {}, thingCount = 50) =>
  brokenTrouble([{ ...rule, ...changes }], [seen(all, thingCount)]) !== undefined;
const of = (troubled: number, deviceHours: number) => ({ troubled, deviceHours });

describe('trouble', () => {
  test('that all updated things have and hardly any other does breaks the rule, also when few are left', () => {
    expect(isBroken([{ updated: of(10, 10), rest: of(1, 190) }])).toBe(true);
    expect(isBroken([{ updated: of(90, 90), rest: of(1, 10) }])).toBe(true);
    expect(isBroken([{ updated: of(30, 100), rest: of(10, 100) }])).toBe(false);
    expect(isBroken(Array(6).fill({ updated: of(30, 100), rest: of(10, 100) }))).toBe(true);
  });

  test('that is not rarer among the others, hour by hour, never breaks it, whatever the minimums are', () => {
    const calm = hour.filter(
      ({ updated, rest }) => updated.troubled * rest.deviceHours <= rest.troubled * updated.deviceHours,
    );
    const changes = { deviceHoursMin: 1, timesMin: 1 };
    fc.assert(fc.property(fc.array(calm, { maxLength: 24 }), (all) => !isBroken(all, changes)));
  });

  test('of too few things, in too few hours, or not often enough, never breaks it', () => {
    fc.assert(
      fc.property(hours, fc.nat({ max: 10 }), (all, thingCount) => {
        const found = brokenTrouble([rule], [seen(all, thingCount)]);
        if (found === undefined) return;
        const { updated, rest } = found;
        expect(thingCount).toBeGreaterThanOrEqual(rule.thingsMin);
        expect(Math.min(updated.deviceHours, rest.deviceHours)).toBeGreaterThanOrEqual(rule.deviceHoursMin);
        expect(updated.troubled / updated.deviceHours).toBeGreaterThanOrEqual(
          (2 * rest.troubled) / rest.deviceHours,
        );
      }),
    );
  });

  test('in an hour in which only one side was there changes nothing', () => {
    const lonely = fc.oneof(
      count.map((rest): HourCount => ({ updated: of(0, 0), rest })),
      count.map((updated): HourCount => ({ updated, rest: of(0, 0) })),
    );
    fc.assert(
      fc.property(hours, fc.array(lonely), (all, more) => isBroken([...more, ...all]) === isBroken(all)),
    );
  });

  test('without a difference pauses less than one campaign in a hundred, looked at throughout; five times as much is found', () => {
    const random = seededRandom(17);
    const drawn = (deviceHours: number, rate: number) => {
      const lots = new Uint16Array(random.bytes(2 * deviceHours).slice().buffer);
      return of(lots.filter((lot) => lot < rate * 65_536).length, deviceHours);
    };
    const pauses = (rate: number, times: number): boolean => {
      const all: HourCount[] = [];
      for (let at = 1; at <= 8; at++) {
        all.push({ updated: drawn(8 * at, times * rate), rest: drawn(70 - 8 * at, rate) });
        if (isBroken(all, { timesMin: 1 })) return true;
      }
      return false;
    };
    const share = (rate: number, times: number) => {
      const rounds = 300;
      return Array.from({ length: rounds }, () => pauses(rate, times)).filter(Boolean).length / rounds;
    };
    for (const rate of [0.005, 0.05, 0.3]) expect(share(rate, 1)).toBeLessThan(0.01);
    expect(share(0.05, 5)).toBeGreaterThan(0.95);
  });
});

test('what is seen is counted once a thing, side, kind and hour, and no longer than a day', () => {
  const sighting = fc.record({
    at: fc.nat({ max: 5 }),
    side: fc.constantFrom<Side>('updated', 'rest'),
    sight: fc.constantFrom<Sight>('present', 'disconnects', 'denials'),
    laterMs: fc.oneof(fc.nat({ max: hourMs }), fc.nat({ max: 30 * hourMs })),
  });
  fc.assert(
    fc.property(fc.array(sighting, { maxLength: 60 }), (sightings) => {
      const watch = new TroubleWatch();
      const names = things(6);
      let nowMs = 7 * hourMs;
      const log = sightings.map(({ at, side, sight, laterMs }) => {
        nowMs += laterMs;
        watch.note(names[at]!, { side, sight, nowMs });
        return { name: names[at]!, side, sight, hour: Math.floor(nowMs / hourMs) };
      });
      const recent = log.filter(({ hour: one }) => one > Math.floor(nowMs / hourMs) - 24);
      const distinct = (wanted: (one: (typeof log)[number]) => boolean) =>
        new Set(recent.filter(wanted).map(({ name, hour: one }) => `${name} ${one}`)).size;
      for (const { kind, hours: all, things: troubled } of watch.seen()) {
        for (const side of ['updated', 'rest'] as const) {
          const sum = (what: 'troubled' | 'deviceHours') =>
            all.reduce((total, one) => total + one[side][what], 0);
          expect(sum('deviceHours')).toBe(distinct((one) => one.side === side));
          expect(sum('troubled')).toBe(distinct((one) => one.side === side && one.sight === kind));
        }
        expect(new Set(troubled)).toEqual(
          new Set(
            recent.filter(({ side, sight }) => side === 'updated' && sight === kind).map(({ name }) => name),
          ),
        );
      }
    }),
  );
});

describe('a campaign whose updated things have trouble', () => {
  let fleet: Fleet;
  let campaignId: string;
  const offered = () => fleet.names.filter((name) => fleet.campaigns.offers.of(name) !== undefined);
  const see = (names: readonly ThingName[], sight: Sight) => {
    for (const thingName of names) fleet.campaigns.sees({ thingName }, sight);
  };
  const state = async () => (await fleet.campaigns.get(campaignId)).state;

  beforeEach(async () => {
    fleet = await openFleet({ things: 100 });
    for (const name of fleet.names) fleet.reports.set(name, runs('1.0.0'));
    const slow = { baseRatePerMinute: 12, incrementFactor: 1, maximumPerMinute: 12 };
    ({ campaignId } = await fleet.create({ rate: slow, trouble: [rule, { ...rule, kind: 'denials' }] }));
    await fleet.campaigns.change({ campaignId, event: 'start' }, ada);
    await fleet.tick(1_000, 2);
    see(fleet.names, 'present');
    await fleet.tick(minuteMs);
  });

  /** Those that were offered it have it; the others wait. */
  async function update(): Promise<{
    readonly updated: readonly ThingName[];
    readonly rest: readonly ThingName[];
  }> {
    const updated = offered();
    for (const name of updated) await fleet.report(name, told.confirmed());
    return { updated, rest: fleet.names.filter((name) => !updated.includes(name)) };
  }

  test('pauses, says what was counted and on which things, and starts nobody', async () => {
    const { updated, rest } = await update();
    expect(updated.length).toBeGreaterThan(10);
    see(rest.slice(0, 1), 'disconnects');
    see(updated.slice(0, 7), 'disconnects');
    await fleet.tick(10);
    const paused = await fleet.campaigns.get(campaignId);
    expect([paused.state, paused.because?.cause, fleet.stopped]).toEqual(['PAUSED', 'trouble', [campaignId]]);
    expect(paused.because?.explanation).toBe(
      `updated things lost their connection in 7 of ${updated.length} device-hours (${Number((700 / updated.length).toPrecision(2))} %), ` +
        `things that wait in 1 of 99 device-hours (1 %): ${updated.slice(0, 5).join(', ')} and 2 more`,
    );
    expect(paused.because?.trouble).toMatchObject({ kind: 'disconnects', things: 7, rest: of(1, 99) });
    expect(fleet.trail.at(-1)).toMatchObject({
      kind: 'campaign.state_changed',
      payload: { state: 'PAUSED', because: { trouble: { thingNames: updated.slice(0, 7) } } },
    });
    await fleet.restart();
    await fleet.tick(minuteMs, 10);
    expect([await state(), offered()]).toEqual(['PAUSED', []]);
    expect((await fleet.campaigns.get(campaignId)).because).toEqual(paused.because);
  });

  test('goes on when an operator says so, counts anew, and pauses for what is seen on other things alone', async () => {
    const { updated: first } = await update();
    see(first, 'denials');
    await fleet.tick(10);
    expect(await state()).toBe('PAUSED');
    await fleet.campaigns.change({ campaignId, event: 'resume' }, ada);
    await fleet.tick(minuteMs, 2);
    expect([await state(), offered().length > 0]).toEqual(['RUNNING', true]);
    see(fleet.names, 'present');
    see(first, 'denials');
    await fleet.tick(10);
    expect(await state()).toBe('RUNNING');
    const { updated: second } = await update();
    expect(second.length).toBeGreaterThan(10);
    see(second, 'denials');
    await fleet.tick(10);
    expect(await state()).toBe('PAUSED');
    expect((await fleet.campaigns.get(campaignId)).because?.trouble?.thingNames).toEqual(second.slice(0, 20));
  });

  test('known for one kind of trouble, things still count for the other', async () => {
    const { updated } = await update();
    see(updated, 'denials');
    await fleet.tick(10);
    await fleet.campaigns.change({ campaignId, event: 'resume' }, ada);
    see(fleet.names, 'present');
    see(updated, 'disconnects');
    await fleet.tick(10);
    expect((await fleet.campaigns.get(campaignId)).because?.trouble?.kind).toBe('disconnects');
  });

  test('does not pause for what all have alike, for what an update does by itself, or for one thing', async () => {
    const atIt = offered();
    see(atIt, 'disconnects');
    const { updated } = await update();
    for (let times = 0; times < 50; times++) see(updated.slice(0, 1), 'disconnects');
    await fleet.tick(10);
    expect(await state()).toBe('RUNNING');
    see(fleet.names, 'disconnects');
    await fleet.tick(10);
    const { troubles } = await fleet.campaigns.get(campaignId);
    expect([await state(), troubles[0]?.updated.troubled]).toEqual(['RUNNING', updated.length]);
  });

  test('counts denials of what a device asked for, and no others', async () => {
    const { updated } = await update();
    for (const thingName of updated) fleet.campaigns.denied({ cause: 'receive_denied', thingName });
    await fleet.tick(10);
    expect(await state()).toBe('RUNNING');
    for (const thingName of updated) fleet.campaigns.denied({ cause: 'publish_denied', thingName });
    await fleet.tick(10);
    expect(await state()).toBe('PAUSED');
  });
});
