import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatMoment, parseDurationMs, parseMomentMs } from '../src/moment.ts';

const nowMs = Date.parse('2026-05-01T12:00:00Z');

test.for([
  ['30s', 30_000],
  ['15m', 900_000],
  ['24h', 86_400_000],
  ['90d', 7_776_000_000],
  ['2w', 1_209_600_000],
] as const)('%s is %d ms', ([text, ms]) => {
  expect(parseDurationMs(text, '--expires')).toBe(ms);
  expect(parseMomentMs(text, { flag: '--since', nowMs })).toBe(nowMs - ms);
  expect(parseMomentMs(text, { flag: '--start-at', nowMs, isAhead: true })).toBe(nowMs + ms);
});

test.for([
  '',
  '0h',
  '1',
  'h',
  '1 h',
  '-1h',
  '1.5h',
  '1y',
  '99999999d',
  'yesterday',
  '2026-13-01',
  '1969-12-31',
])('`%s` is neither a duration nor a time, and the flag is named', (text) => {
  expect(() => parseDurationMs(text, '--expires')).toThrow('--expires');
  expect(() => parseMomentMs(text, { flag: '--since', nowMs })).toThrow('--since');
});

test('any time as ISO 8601 is read back', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (ms) => {
      expect(parseMomentMs(new Date(ms).toISOString(), { flag: '--at', nowMs })).toBe(ms);
    }),
  );
});

test.for([
  [0, '0 seconds'],
  [-59_999, '59 seconds ago'],
  [-3_600_000, '1 hour ago'],
  [90 * 86_400_000, 'in 90 days'],
] as const)('a moment %d ms away is shown with `%s`', ([distance, text]) => {
  expect(formatMoment(nowMs + distance, nowMs)).toContain(text);
});
