import { seededRandom } from '@fleetward/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { retryDelayMs } from '../../src/campaigns/action.ts';
import { actionIdOf, judgeReport } from '../../src/campaigns/report.ts';
import { actionStates, actionSteps, campaignSteps, isEnd, isStopped } from '../../src/campaigns/steps.ts';
import { Tally } from '../../src/campaigns/tally.ts';
import { assertTerms } from '../../src/campaigns/terms-rules.ts';
import { releaseOf } from '../../src/campaigns/way-back.ts';
import { DueQueue } from '../../src/due-queue.ts';
import { rateNow } from '../../src/rollout-rate.ts';
import { release, runs, standardTerms, told } from './fleet.ts';

const bringing = releaseOf(release('2.0.0'));

describe('the tables', () => {
  test('have six ends of an action and three of a campaign, and a way there from everywhere', () => {
    expect(actionStates.filter(isEnd)).toHaveLength(6);
    for (const state of actionStates) if (!isEnd(state)) expect(actionSteps[state].cancel).toBe('CANCELLED');
    for (const state of ['HALTED', 'CANCELLED', 'COMPLETED'] as const) expect(isStopped(state)).toBe(true);
    for (const steps of Object.values(campaignSteps))
      if (Object.keys(steps).length > 0) expect(steps.cancel).toBe('CANCELLED');
  });

  test('let an action wait again only for another attempt', () => {
    for (const state of actionStates)
      for (const [event, next] of Object.entries(actionSteps[state]))
        expect(next === 'SCHEDULED').toBe(event === 'retry');
  });
});

describe('a report', () => {
  test('is a success when the release is what was confirmed, and for no other reason', () => {
    expect(judgeReport(told.confirmed(), bringing)).toEqual({ event: 'confirm' });
    expect(judgeReport(runs('2.0.0'), bringing)).toEqual({ event: 'confirm' });
    expect(judgeReport(told.waiting(), bringing)).toEqual({ event: 'installed' });
    const lie = { ...runs('1.0.0'), update: { outcome: 'confirmed', version: '2.0.0' } };
    expect(judgeReport(lie, bringing)).toMatchObject({ event: 'fail', cause: 'success-not-true' });
    const otherBytes = {
      ...runs('2.0.0', 'other bytes'),
      update: { outcome: 'confirmed', version: '2.0.0' },
    };
    expect(judgeReport(otherBytes, bringing)).toMatchObject({ event: 'fail', cause: 'success-not-true' });
  });

  test('tells failures that may pass from those that will not', () => {
    expect(judgeReport(told.rolledBack(), bringing)).toMatchObject({
      event: 'fail',
      cause: 'health-check-failed',
    });
    expect(judgeReport(told.rolledBack(), bringing)).not.toHaveProperty('mayPass');
    expect(judgeReport(told.failed(), bringing)).toMatchObject({ mayPass: true, cause: 'unreachable' });
    expect(judgeReport(told.refused(), bringing)).toMatchObject({
      event: 'reject',
      cause: 'wrong-hardware',
    });
    const expired = {
      update: { outcome: 'refused', step: 'TUF 5.4.4', reason: 'timestamp.json: expired: since' },
    };
    expect(judgeReport(expired, bringing)).toMatchObject({ event: 'fail', mayPass: true, cause: 'expired' });
  });

  test('names an action by a number that one can have, or none', () => {
    const named = (actionId: number) => actionIdOf({ update: { outcome: 'waiting', actionId } });
    expect([named(7), named(1e300), named(1.5), actionIdOf({})]).toEqual([
      7,
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('about another version says nothing of this one', () => {
    for (const report of [told.confirmed('1.5.0'), told.rolledBack('1.5.0'), runs('1.0.0'), {}])
      expect(judgeReport(report, bringing)).toBeUndefined();
  });

  test('of an agent counts when it has confirmed itself, not while it is on trial', () => {
    const agent = { ...bringing, component: 'agent' } as const;
    const says = (outcome: string) => ({
      agent: { version: '2.0.0', update: { outcome, version: '2.0.0' } },
    });
    expect(judgeReport(says('up-to-date'), agent)).toEqual({ event: 'installed' });
    expect(judgeReport(says('confirmed'), agent)).toEqual({ event: 'confirm' });
  });
});

test('a delay before another attempt is never longer than it may be, and not always the same', () => {
  const retry = { retriesMax: 10, firstDelayMs: 1_000, delayMaxMs: 60_000 };
  const random = seededRandom(3);
  for (let attempts = 1; attempts <= 10; attempts++) {
    const delays = Array.from({ length: 50 }, () => retryDelayMs(retry, attempts, random));
    expect(Math.max(...delays)).toBeLessThanOrEqual(Math.min(60_000, 1_000 * 2 ** (attempts - 1)));
    expect(new Set(delays).size).toBeGreaterThan(10);
  }
});

test('the rate grows by its factor each time enough were offered the release, and never above its maximum', () => {
  const rate = {
    baseRatePerMinute: 10,
    incrementFactor: 2,
    increaseAfter: { of: 'notified', count: 50 },
    maximumPerMinute: 75,
  } as const;
  const rateAfter = (offered: number) => {
    const tally = new Tally();
    if (offered > 0) tally.add({ stage: 0, state: 'OFFERED' }, offered);
    return rateNow(rate, tally);
  };
  expect([0, 49, 50, 100, 150, 1_000_000].map(rateAfter)).toEqual([10, 10, 20, 40, 75, 75]);
});

test('the queue gives what is due in the order of time and number, whatever order it came in', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 20 }), { maxLength: 200 }), (dues) => {
      const queue = new DueQueue<number>();
      for (const [order, dueMs] of dues.entries()) queue.add(order, { dueMs, order });
      const taken = Array.from({ length: dues.length }, () => queue.take(10));
      const expected = [...dues.entries()]
        .filter(([, dueMs]) => dueMs <= 10)
        .sort(([a, due], [b, other]) => due - other || a - b)
        .map(([order]) => order);
      expect(taken.filter((order) => order !== undefined)).toEqual(expected);
    }),
  );
});

describe('terms', () => {
  const stage = (percent: number) => ({ share: { kind: 'percent', percent }, successPercentMin: 0 }) as const;
  const window = { days: [1], fromMinute: 120, toMinute: 240, timeZone: 'Europe/Berlin' };

  test.each([
    ['no stage reaches everything', { stages: [stage(50)] }],
    ['a stage does not reach further', { stages: [stage(50), stage(50), stage(100)] }],
    ['the zone is not one', { window: { ...window, timeZone: 'Mars/Olympus' } }],
    ['the window is too short', { window: { ...window, toMinute: 125 } }],
    ['the window is hardly ever shut', { window: { ...window, toMinute: 110 } }],
  ])('are refused when %s', (_why, wrong) => {
    expect(() => assertTerms({ ...standardTerms, ...wrong })).toThrow(
      expect.objectContaining({ code: 'campaigns.invalid' }),
    );
  });

  test('are accepted with a window over midnight', () => {
    assertTerms({ ...standardTerms, window: { ...window, fromMinute: 1_380, toMinute: 60 } });
  });
});
