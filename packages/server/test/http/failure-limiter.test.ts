import { FakeClock } from '@fleetward/testkit';
import { expect, test } from 'vitest';
import { createFailureLimiter } from '../../src/http/failure-limiter.ts';

const make = (addressesMax = 100) => {
  const clock = new FakeClock();
  return { clock, limiter: createFailureLimiter({ clock, failuresPerMinuteMax: 2, addressesMax }) };
};

test('an address is blocked after its failures and free again after the minute', () => {
  const { clock, limiter } = make();
  limiter.fail('192.0.2.1');
  expect(limiter.blockedSeconds('192.0.2.1')).toBe(0);
  limiter.fail('192.0.2.1');
  clock.advance(15_000);
  expect(limiter.blockedSeconds('192.0.2.1')).toBe(45);
  expect(limiter.blockedSeconds('192.0.2.2')).toBe(0);
  clock.advance(45_000);
  expect(limiter.blockedSeconds('192.0.2.1')).toBe(0);
});

test('an IPv6 host is its /64, however it is written', () => {
  const { limiter } = make();
  limiter.fail('2001:db8::1');
  limiter.fail('2001:db8:0:0:ffff::2');
  expect(limiter.blockedSeconds('2001:db8::3:4:5:6')).toBeGreaterThan(0);
  expect(limiter.blockedSeconds('2001:db8:0:1::1')).toBe(0);
  expect(limiter.blockedSeconds('2001:db9::1')).toBe(0);
});

test('a flood of addresses makes the oldest forgotten, not memory grow', () => {
  const { limiter } = make(3);
  for (const host of [1, 1, 2, 3, 4]) limiter.fail(`192.0.2.${host}`);
  expect(limiter.blockedSeconds('192.0.2.1')).toBe(0);
  limiter.fail('192.0.2.4');
  expect(limiter.blockedSeconds('192.0.2.4')).toBeGreaterThan(0);
});
