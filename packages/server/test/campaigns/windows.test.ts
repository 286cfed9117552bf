import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MaintenanceWindow } from '../../src/campaigns/terms.ts';
import { isTimeZone, WindowClock } from '../../src/campaigns/windows.ts';

const everyDay = [0, 1, 2, 3, 4, 5, 6];
const minuteMs = 60_000;
const window = (from: string, to: string, days: readonly number[] = everyDay): MaintenanceWindow => ({
  days,
  fromMinute: minutes(from),
  toMinute: minutes(to),
  timeZone: 'UTC',
});

function minutes(text: string): number {
  const [hours = 0, rest = 0] = text.split(':').map(Number);
  return hours * 60 + rest;
}

/** Whether it is open there then, and until when. */
function at(one: MaintenanceWindow, zone: string | undefined, time: string) {
  const { isOpen, untilMs } = new WindowClock(one).at(zone, Date.parse(time))!;
  return [isOpen, new Date(untilMs).toISOString().slice(0, 16)];
}

describe('a maintenance window', () => {
  test('opens by the clock of the device, not by ours', () => {
    const night = window('02:00', '04:00');
    expect(at(night, 'Asia/Tokyo', '2026-06-01T17:30:00Z')).toEqual([true, '2026-06-01T19:00']);
    expect(at(night, 'America/New_York', '2026-06-01T17:30:00Z')).toEqual([false, '2026-06-02T06:00']);
    expect(at(night, 'Asia/Kathmandu', '2026-06-01T20:14:00Z')).toEqual([false, '2026-06-01T20:15']);
    expect(at(night, undefined, '2026-06-01T03:59:59Z')).toEqual([true, '2026-06-01T04:00']);
  });

  test('over midnight belongs to the day on which it opens', () => {
    const friday = window('23:00', '01:00', [5]);
    expect(at(friday, 'UTC', '2026-06-05T23:30:00Z')).toEqual([true, '2026-06-06T01:00']);
    expect(at(friday, 'UTC', '2026-06-06T00:59:00Z')).toEqual([true, '2026-06-06T01:00']);
    expect(at(friday, 'UTC', '2026-06-05T00:30:00Z')).toEqual([false, '2026-06-05T23:00']);
    expect(at(friday, 'UTC', '2026-06-06T01:00:00Z')).toEqual([false, '2026-06-12T23:00']);
  });

  test('keeps to the clock on the wall when daylight saving time begins and ends', () => {
    // Berlin, 2026-03-29: 02:00 becomes 03:00. 2026-10-25: 03:00 becomes 02:00 again.
    const early = window('03:00', '05:00');
    expect(at(early, 'Europe/Berlin', '2026-03-28T12:00:00Z')).toEqual([false, '2026-03-29T01:00']);
    expect(at(early, 'Europe/Berlin', '2026-03-29T12:00:00Z')).toEqual([false, '2026-03-30T01:00']);
    const lost = window('02:00', '03:00');
    expect(at(lost, 'Europe/Berlin', '2026-03-28T12:00:00Z')).toEqual([false, '2026-03-30T00:00']);
    expect(at(lost, 'Europe/Berlin', '2026-10-24T12:00:00Z')).toEqual([false, '2026-10-25T00:00']);
    expect(at(lost, 'Europe/Berlin', '2026-10-25T00:30:00Z')).toEqual([true, '2026-10-25T02:00']);
  });

  test('is remembered for a zone and never says what is not so', () => {
    const zones = ['Europe/Berlin', 'Asia/Kathmandu', 'America/St_Johns', 'Pacific/Apia'];
    const half = fc.nat({ max: 47 }).map((halves) => halves * 30);
    fc.assert(
      fc.property(
        fc.record({
          fromMinute: half,
          toMinute: half,
          days: fc.uniqueArray(fc.nat({ max: 6 }), { minLength: 1 }),
        }),
        fc.constantFrom(...zones),
        fc.array(fc.nat({ max: 600 }), { minLength: 1, maxLength: 20 }),
        (wanted, zone, steps) => {
          const clock = new WindowClock({ ...wanted, timeZone: 'UTC' });
          let nowMs = Date.parse('2026-03-27T00:00:00Z');
          for (const step of steps) {
            nowMs += step * minuteMs;
            const opening = clock.at(zone, nowMs)!;
            const fresh = new WindowClock({ ...wanted, timeZone: zone }).at(undefined, nowMs)!;
            expect(opening.isOpen).toBe(fresh.isOpen);
            // One that opens or shuts no more is looked at eight days ahead, from when it was looked at.
            const isChange = fresh.untilMs - nowMs < 8 * 24 * 60 * minuteMs - 15 * minuteMs;
            if (isChange) expect(opening.untilMs).toBe(fresh.untilMs);
            else expect(opening.untilMs).toBeGreaterThan(nowMs);
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  test('knows no zone that there is not', () => {
    expect(isTimeZone('Mars/Olympus')).toBe(false);
    expect(new WindowClock(window('01:00', '02:00')).at('nowhere', 0)).toBeUndefined();
  });
});
