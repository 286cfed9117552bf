import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AllowedNames } from '../../src/gateway/allowed-names.ts';

/** Asks as a connection does: what is not known is decided, found allowed and added. Resolves to what was counted in. */
function ask(names: AllowedNames, asked: Iterable<string>): number {
  let decided = 0;
  for (const name of asked) {
    if (names.has(name)) continue;
    decided++;
    names.add(name);
  }
  return decided;
}

test('each name is decided once and counted exactly, in any order, over several rounds', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'a/b', '');
  fc.assert(
    fc.property(fc.array(fc.array(name)), (rounds) => {
      const counts = new Map<string, number>();
      const names = new AllowedNames((one, count) => counts.set(one, (counts.get(one) ?? 0) + count), 128);
      for (const round of rounds) {
        expect(ask(names, round)).toBeLessThanOrEqual(new Set(round).size);
        names.drain();
      }
      const expected = new Map<string, number>();
      for (const one of rounds.flat()) expected.set(one, (expected.get(one) ?? 0) + 1);
      expect(counts).toEqual(expected);
    }),
  );
});

test.each([8, 128])(
  'of more names than %i every one is decided, and some told as samples of the others, ever more rarely',
  (namesMax) => {
    const told: { readonly count: number; readonly isSample: boolean }[] = [];
    const names = new AllowedNames((_, count, isSample) => void told.push({ count, isSample }), namesMax);
    const asked = Array.from({ length: namesMax + 1 + 1 + 2 + 4 + 8 }, (_, index) => `topic/${index}`);
    expect(ask(names, asked)).toBe(asked.length);
    expect(told).toEqual([1, 2, 4, 8].map((count) => ({ count, isSample: true })));
    names.drain();
    expect(told.filter(({ isSample }) => !isSample)).toHaveLength(namesMax);
    expect(ask(names, ['topic/1', 'topic/1'])).toBe(1);
  },
);

test('a name that repeats itself costs no decision, even when no more names are kept', () => {
  const names = new AllowedNames(() => undefined, 128);
  ask(
    names,
    Array.from({ length: 200 }, (_, index) => `topic/${index}`),
  );
  expect(ask(names, ['loose', 'loose', 'loose'])).toBe(1);
});
