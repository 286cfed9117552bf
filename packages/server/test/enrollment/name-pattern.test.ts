import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matchesNamePattern } from '../../src/enrollment/name-pattern.ts';

const letters = fc.string({ unit: fc.constantFrom('a', 'b', '-'), maxLength: 12 });
const patterns = fc.string({ unit: fc.constantFrom('a', 'b', '-', '*'), maxLength: 10 });

test('a name pattern matches what the same regular expression matches', () => {
  fc.assert(
    fc.property(patterns, letters, (pattern, name) => {
      const oracle = new RegExp(`^${pattern.replaceAll('*', '.*')}$`);
      expect(matchesNamePattern(pattern, name)).toBe(oracle.test(name));
    }),
    { numRuns: 2000 },
  );
});
