import type { JsonObject } from '@fleetward/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Action } from '../../src/campaigns/store.ts';
import { ada, openFleet, runs } from './fleet.ts';

const thingCount = 4;
const text = fc.oneof(
  fc.constantFrom(
    '2.0.0',
    '1.0.0',
    'confirmed',
    'failed',
    'refused',
    'rolled-back',
    'waiting',
    'a: b',
    '\u0000',
  ),
  fc.string({ maxLength: 40 }),
);
const value = fc.oneof(text, fc.double(), fc.boolean(), fc.constant(null), fc.array(text, { maxLength: 2 }));
const part = (...names: readonly string[]) =>
  fc.oneof(value, fc.dictionary(fc.constantFrom(...names), value, { maxKeys: names.length }));
/** Shaped as reports are, or not; the action that it names is one of any thing, or of none. */
const hostile = fc.record(
  {
    installed: part('version', 'sha256'),
    agent: part('version', 'update'),
    model: part('product', 'hardware'),
    update: part('outcome', 'version', 'reason', 'step'),
    batteryPercent: value,
  },
  { requiredKeys: [] },
);

test('whatever one device says, of whatever action, it moves no other thing’s and is refused for it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({ at: fc.nat({ max: thingCount - 1 }), about: fc.nat({ max: thingCount + 1 }), hostile }),
        {
          minLength: 1,
          maxLength: 12,
        },
      ),
      async (reports) => {
        const fleet = await openFleet({ things: thingCount });
        for (const name of fleet.names) fleet.reports.set(name, runs('1.0.0'));
        const { campaignId } = await fleet.create();
        await fleet.campaigns.change({ campaignId, event: 'start' }, ada);
        await fleet.tick(1_000, 3);
        const ids = fleet.records.all().map(({ actionId }) => actionId);
        for (const { at, about, hostile: report } of reports) {
          const name = fleet.names[at]!;
          const others = (): readonly Action[] =>
            fleet.records.all().filter(({ thingName }) => thingName !== name);
          const before = others();
          const own = fleet.records.all().find(({ thingName }) => thingName === name);
          const actionId = ids[about] ?? about;
          const update = report.update instanceof Object ? { ...report.update, actionId } : { actionId };
          const told = fleet.report(name, { ...report, update } as JsonObject);
          if (actionId === own?.actionId) await told;
          else await expect(told).rejects.toMatchObject({ code: 'campaigns.action_unknown' });
          expect(others()).toEqual(before);
        }
        const { counts } = await fleet.campaigns.get(campaignId);
        expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(thingCount);
      },
    ),
    { numRuns: 100 },
  );
});
