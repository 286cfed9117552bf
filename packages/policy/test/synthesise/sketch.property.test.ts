import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { levelsOf, Sketch, type SketchEntry } from '../../src/index.ts';
import { isWithin } from '../../src/synthesise/sketch-entry.ts';

const level = fc.constantFrom('a', 'b', 'c', '', '+', 'pump-1');
const name = fc.array(level, { minLength: 1, maxLength: 5 }).map((levels) => levels.join('/'));
const parts = {
  action: fc.constantFrom('iot:Publish', 'iot:Receive', 'iot:Subscribe'),
  outcome: fc.constantFrom('allowed', 'denied'),
  name,
  count: fc.integer({ min: 1, max: 9 }),
  atMs: fc.integer({ min: 1, max: 99 }),
};
const request = fc.record(parts);
const requests = fc.array(request, { maxLength: 200 });
type Request = typeof request extends fc.Arbitrary<infer R> ? R : never;

const entryOf = ({ action, outcome, name, count, atMs }: Request): SketchEntry => ({
  action,
  outcome,
  ...levelsOf(name),
  count,
  firstSeenMs: atMs,
  lastSeenMs: atMs,
});
const sum = (counts: readonly { readonly count: number }[]) =>
  counts.reduce((total, { count }) => total + count, 0);

describe('a sketch', () => {
  test('stays within its bound, keeps every request within an entry, and loses no count', () => {
    fc.assert(
      fc.property(requests, fc.integer({ min: 4, max: 40 }), (seen, entriesMax) => {
        const sketch = new Sketch(entriesMax, seen.map(entryOf));
        for (const outcome of ['allowed', 'denied'] as const) {
          const entries = sketch.entries.filter((entry) => entry.outcome === outcome);
          const own = seen.filter((one) => one.outcome === outcome);
          expect(entries.length).toBeLessThanOrEqual(entriesMax);
          expect(sum(entries)).toBe(sum(own));
          for (const one of own.map(entryOf)) {
            const around = entries.filter(
              (entry) => entry.action === one.action && isWithin(one, entry) && within(one, entry),
            );
            expect(around).not.toEqual([]);
          }
        }
      }),
    );
  });

  test('is the same by names as by entries, also of names that are kept in part', () => {
    const long = fc.constantFrom('a/'.repeat(15), 'a/'.repeat(16), 'b'.repeat(256), 'b'.repeat(257));
    const any = fc.record({ ...parts, name: fc.oneof(name, long) });
    fc.assert(
      fc.property(fc.array(any, { maxLength: 100 }), fc.integer({ min: 4, max: 40 }), (seen, entriesMax) => {
        const sketch = new Sketch(entriesMax);
        for (const { action, outcome, name, count, atMs } of seen)
          sketch.addName(name, { action, outcome, count, firstSeenMs: atMs, lastSeenMs: atMs });
        expect(sketch.entries).toEqual(new Sketch(entriesMax, seen.map(entryOf)).entries);
      }),
    );
  });

  const within = (one: SketchEntry, entry: SketchEntry) =>
    entry.firstSeenMs <= one.firstSeenMs && entry.lastSeenMs >= one.lastSeenMs;

  test('keeps requests apart, letter by letter, as long as there is room', () => {
    fc.assert(
      fc.property(requests, (seen) => {
        const sketch = new Sketch(1_000, seen.map(entryOf));
        const distinct = new Set(seen.map(({ action, outcome, name }) => `${action} ${outcome} ${name}`));
        expect(
          new Set(
            sketch.entries.map(({ action, outcome, levels }) => `${action} ${outcome} ${levels.join('/')}`),
          ),
        ).toEqual(distinct);
        expect(sketch.entries).toHaveLength(distinct.size);
      }),
    );
  });

  test('of what was denied never widens what was allowed', () => {
    fc.assert(
      fc.property(requests, (seen) => {
        const allowed = seen.filter(({ outcome }) => outcome === 'allowed').map(entryOf);
        const mixed = new Sketch(8, seen.map(entryOf)).entries.filter(({ outcome }) => outcome === 'allowed');
        expect(mixed).toEqual(new Sketch(8, allowed).entries);
      }),
    );
  });
});

test('the level in which most entries differ is given up first', () => {
  const entry = (name: string) =>
    entryOf({ action: 'iot:Publish', outcome: 'allowed', name, count: 1, atMs: 1 });
  const names = Array.from({ length: 20 }, (_, index) => `readings/pump-1/${index}`);
  const sketch = new Sketch(16, [...names, 'status/pump-1', 'status/pump-1/full'].map(entry));
  expect(sketch.entries.map(({ levels, count }) => [levels, count])).toEqual([
    [['readings', 'pump-1', null], 20],
    [['status', 'pump-1'], 1],
    [['status', 'pump-1', 'full'], 1],
  ]);
});

test('of a name of many levels or characters the beginning is kept, open to what follows', () => {
  const deep = levelsOf('a/'.repeat(40));
  expect([deep.levels.length, deep.isOpen]).toEqual([16, true]);
  const long = levelsOf(`short/${'x'.repeat(300)}`);
  expect(long).toEqual({ levels: ['short'], isOpen: true });
  expect(levelsOf('x'.repeat(256))).toMatchObject({ isOpen: false });
  expect(levelsOf('a//b')).toEqual({ levels: ['a', '', 'b'], isOpen: false });
});
