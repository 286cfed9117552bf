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
