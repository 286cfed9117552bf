import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { paceFrom, takeCalls } from '../../src/pace.ts';
import {
  type CampaignEvent,
  type CampaignState,
  campaignSteps,
  type MemberEvent,
  type MemberState,
  memberSteps,
} from '../../src/renewals/rules.ts';

const campaignEvents: readonly CampaignEvent[] = ['pause', 'resume', 'cancel', 'done'];
const memberEvents: readonly MemberEvent[] = ['call', 'renew', 'leave'];
const minuteMs = 60_000;

describe('a campaign', () => {
  test('that is over stays over, and one that is not can be ended, whatever came before', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...campaignEvents)), (events) => {
        let state: CampaignState = 'RUNNING';
        let isOver = false;
        for (const event of events) {
          const next: CampaignState | undefined = campaignSteps[state][event];
          if (isOver) expect(next).toBeUndefined();
          else expect(campaignSteps[state].cancel).toBe('CANCELLED');
          state = next ?? state;
          isOver ||= state === 'CANCELLED' || state === 'COMPLETED';
        }
      }),
    );
  });

  test('is never paused twice in a row, nor resumed', () => {
    expect(campaignSteps.PAUSED.pause).toBeUndefined();
    expect(campaignSteps.RUNNING.resume).toBeUndefined();
  });
});

test('a member is called at most once and ends at most once, whatever happens to it', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...memberEvents)), (events) => {
      let state: MemberState = 'WAITING';
      const seen: MemberState[] = [];
      for (const event of events) {
        const next: MemberState | undefined = memberSteps[state][event];
        if (next === undefined) continue;
        state = next;
        seen.push(state);
      }
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen.filter((one) => one === 'RENEWED' || one === 'GONE').length).toBeLessThanOrEqual(1);
      expect(seen).not.toContain('WAITING');
    }),
  );
});

describe('the pace', () => {
  const rates = fc.integer({ min: 1, max: 60_000 });
  const pauses = fc.array(fc.integer({ min: 0, max: 10 * minuteMs }), { maxLength: 50 });

  test('is never above the rate in any stretch of time, but for a minute’s worth after a standstill', () => {
    fc.assert(
      fc.property(rates, pauses, fc.integer({ min: 0, max: 1_000_000 }), (rate, steps, waiting) => {
        let nowMs = 1_000_000_000;
        let pace = paceFrom(rate, nowMs);
        const calls: { atMs: number; count: number }[] = [];
        for (const step of steps) {
          nowMs += step;
          const taken = takeCalls(pace, { nowMs, waiting });
          pace = taken.pace;
          calls.push({ atMs: nowMs, count: taken.count });
          expect(taken.count).toBeLessThanOrEqual(Math.min(rate, waiting));
        }
        for (const [from, first] of calls.entries()) {
          let total = 0;
          for (const { atMs, count } of calls.slice(from)) {
            total += count;
            expect(total).toBeLessThanOrEqual(((atMs - first.atMs) * rate) / minuteMs + rate);
          }
        }
      }),
    );
  });

  test('is reached by a clock that ticks every second', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6_000 }), (rate) => {
        let nowMs = 1_000_000_000;
        let pace = paceFrom(rate, nowMs);
        let total = 0;
        for (let second = 0; second <= 600; second++, nowMs += 1_000) {
          const taken = takeCalls(pace, { nowMs, waiting: 1_000_000 });
          pace = taken.pace;
          total += taken.count;
        }
        // Each tick rounds up to a millisecond.
        expect(total).toBeGreaterThanOrEqual(10 * rate * 0.99 - 1);
        expect(total).toBeLessThanOrEqual(10 * rate + 1);
      }),
      { numRuns: 30 },
    );
  });
});
