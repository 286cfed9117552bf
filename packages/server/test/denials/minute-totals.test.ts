import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MinuteTotals } from '../../src/denials/minute-totals.ts';

const minuteMs = 60_000;
const keysPerMinuteMax = 3;
const waitingMax = 10 * (keysPerMinuteMax + 1);

const step = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), address: fc.integer({ min: 0, max: 9 }) }),
  fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 3 * minuteMs }) }),
  fc.record({ kind: fc.constant('take' as const), fails: fc.boolean() }),
);

test('whatever arrives and fails, no denial is lost from the counts and what waits stays bounded', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const totals = new MinuteTotals({
        causesPerMinuteMax: keysPerMinuteMax,
        strangersPerMinuteMax: keysPerMinuteMax,
      });
      let [nowMs, added, taken] = [0, 0, 0];
      for (const action of steps) {
        if (action.kind === 'advance') nowMs += action.ms;
        if (action.kind === 'add') {
          const remoteAddress = `192.0.2.${action.address}`;
          totals.add({ cause: 'publish_denied', remoteAddress, explanation: '' }, nowMs);
          added++;
        }
        if (action.kind === 'take') {
          const ended = totals.take(nowMs);
          expect(ended.length).toBeLessThanOrEqual(waitingMax);
          if (action.fails) totals.restore(ended);
          else taken += ended.reduce((sum, { count }) => sum + count, 0);
        }
      }
      const rest = totals.take(Number.POSITIVE_INFINITY);
      expect(rest.length).toBeLessThanOrEqual(waitingMax);
      expect(taken + rest.reduce((sum, { count }) => sum + count, 0)).toBe(added);
    }),
    { numRuns: 500 },
  );
});
