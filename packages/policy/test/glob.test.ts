import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Glob, type GlobPart } from '../src/glob.ts';
import { afterPrefix } from '../src/glob-remainder.ts';

const part: fc.Arbitrary<GlobPart> = fc.oneof(
  fc
    .string({ unit: fc.constantFrom('a', 'b', '/', '😀'), minLength: 1, maxLength: 3 })
    .map((text) => ({ kind: 'text' as const, text })),
  fc.constantFrom({ kind: 'star' as const }, { kind: 'one' as const }),
);
const parts = fc.array(part, { maxLength: 8 });
const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '😀', 'é'), maxLength: 12 });

/** The oracle: the same pattern as a regular expression over code points; the alphabet needs no escaping. */
function toRegExp(pattern: readonly GlobPart[]): RegExp {
  const source = pattern.map((piece) =>
    piece.kind === 'text' ? piece.text : piece.kind === 'star' ? '.*' : '.',
  );
  return new RegExp(`^${source.join('')}$`, 'su');
}

describe('Glob', () => {
  it('matches exactly what the equal regular expression matches', () => {
    fc.assert(
      fc.property(parts, text, (pattern, candidate) => {
        expect(new Glob(pattern).matches(candidate)).toBe(toRegExp(pattern).test(candidate));
      }),
      { numRuns: 5000 },
    );
  });

  it('matches a text that was made from the pattern', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(part, text), { maxLength: 8 }), (pairs) => {
        const made = pairs.map(([piece, filler]) => {
          if (piece.kind === 'text') return piece.text;
          return piece.kind === 'star' ? filler : '😀';
        });
        expect(new Glob(pairs.map(([piece]) => piece)).matches(made.join(''))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a long run between stars', () => {
  // Longer than what is compared anew at each place, over two characters and `?`: near misses are the rule.
  const run = fc.array(fc.constantFrom('a', 'a', 'a', 'b', '?', '😀'), { minLength: 33, maxLength: 80 });

  it('is found exactly where the equal regular expression finds it', () => {
    let found = 0;
    fc.assert(
      fc.property(run, text, text, fc.nat(99), (chars, before, after, damaged) => {
        const pattern: GlobPart[] = chars.map((char) =>
          char === '?' ? { kind: 'one' } : { kind: 'text', text: char },
        );
        const filled = chars.map((char, at) => (at === damaged ? 'é' : char === '?' ? '/' : char));
        const whole: GlobPart[] = [{ kind: 'star' }, ...pattern, { kind: 'star' }];
        const candidate = `${before}${filled.join('')}${after}`;
        const expected = toRegExp(whole).test(candidate);
        expect(new Glob(whole).matches(candidate)).toBe(expected);
        if (expected) found++;
      }),
      { numRuns: 500 },
    );
    expect(found).toBeGreaterThan(50);
  });

  it('of text alone is found too, however long it is', () => {
    const long = `b${'a'.repeat(600)}`;
    const glob = new Glob([{ kind: 'star' }, { kind: 'text', text: long }, { kind: 'star' }]);
    expect(glob.matches(`${'a'.repeat(2000)}${long}c`)).toBe(true);
    expect(glob.matches('a'.repeat(3000))).toBe(false);
  });
});

describe('afterPrefix', () => {
  it('leaves patterns that match the rest exactly when the whole matches', () => {
    const prefixes = fc.constantFrom('', 'a', 'ab/', 'a/b', 'aaaa');
    fc.assert(
      fc.property(parts, prefixes, text, (pattern, prefix, rest) => {
        const whole = new Glob(pattern).matches(prefix + rest);
        expect(afterPrefix(pattern, prefix).some((left) => new Glob(left).matches(rest))).toBe(whole);
      }),
      { numRuns: 5000 },
    );
  });
});
