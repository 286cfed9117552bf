import { FakeClock } from '@fleetward/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TokenBuckets } from '../../src/token-buckets.ts';

const refused = (isFirst: boolean) => ({ kind: 'refused', retryAfterSeconds: 1, isFirst });

test('a key may be used as often at once as a second, and again as time passes', () => {
  const clock = new FakeClock();
  const buckets = new TokenBuckets({ clock, perSecondMax: 2 });
  const take = () => buckets.take('a').kind;
  expect([take(), take(), take()]).toEqual(['taken', 'taken', 'refused']);
  clock.advance(500);
  expect([take(), take()]).toEqual(['taken', 'refused']);
  expect(buckets.take('b').kind).toBe('taken');
});

test('a refusal is the first of its second once', () => {
  const clock = new FakeClock();
  const buckets = new TokenBuckets({ clock, perSecondMax: 1 });
  buckets.take('a');
  expect([buckets.take('a'), buckets.take('a')]).toEqual([refused(true), refused(false)]);
  clock.advance(-5_000);
  expect([buckets.take('a'), buckets.take('a')]).toEqual([refused(true), refused(false)]);
});

test('the key used longest ago is forgotten first', () => {
  const buckets = new TokenBuckets({ clock: new FakeClock(), perSecondMax: 1, keysMax: 2 });
  for (const key of ['a', 'b', 'a', 'c']) buckets.take(key);
  expect(['a', 'b'].map((key) => buckets.take(key).kind)).toEqual(['refused', 'taken']);
});

test('whatever the clock does, no more is taken than the rate and the time that passed allow', () => {
  const steps = fc.array(fc.record({ ms: fc.integer({ min: -2_000, max: 2_000 }), takes: fc.nat(20) }));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), steps, (perSecondMax, plan) => {
      const clock = new FakeClock();
      const buckets = new TokenBuckets({ clock, perSecondMax });
      let taken = 0;
      let forwardMs = 0;
      for (const { ms, takes } of plan) {
        clock.advance(ms);
        forwardMs += Math.max(0, ms);
        for (let n = 0; n < takes; n++) if (buckets.take('a').kind === 'taken') taken++;
      }
      expect(taken).toBeLessThanOrEqual(perSecondMax + (perSecondMax * forwardMs) / 1_000 + 1e-6);
    }),
  );
});
