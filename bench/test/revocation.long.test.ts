import { needs } from '@fleetward/testkit';
import { expect, test } from 'vitest';
import { distributionOf } from '../src/revocation/distribution.ts';
import { measureRevocations } from '../src/revocation/measure.ts';
import { formatRevocations } from '../src/revocation/report.ts';

test('a distribution is of values that were measured', () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(distributionOf(values)).toEqual({ p50: 50, p95: 95, max: 100 });
  expect(distributionOf([7])).toEqual({ p50: 7, p95: 7, max: 7 });
});

needs('openssl', 'openssl').describe('the bench of revocations', () => {
  test('sees each effect from outside, cuts nobody else, and has less CRLs than revocations at once', async () => {
    const found = await measureRevocations({
      sessions: 24,
      revocations: 8,
      progress: () => undefined,
      signal: new AbortController().signal,
    });
    for (const { platform, outside } of [found.oneByOne, found.together]) {
      const steps = ['requested', 'journalled', 'committed', 'in-force', 'sessions-cut', 'crl-signed'];
      expect(Object.keys(platform)).toEqual(steps);
      expect(Object.keys(outside)).toEqual(['connectionClosed', 'ocspRevoked', 'answered', 'crlServed']);
    }
    expect(found.oneByOne.crls).toBe(8);
    expect(found.together.crls).toBeLessThan(8);
    expect(formatRevocations(found)).toContain('sessions-cut');
  });
});
