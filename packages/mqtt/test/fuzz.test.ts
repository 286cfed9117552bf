import fc from 'fast-check';
import { describe, test } from 'vitest';
import * as packet from '../fuzz/packet.fuzz.ts';
import * as topicFilter from '../fuzz/topic-filter.fuzz.ts';

describe.each([
  ['packet', packet],
  ['topic-filter', topicFilter],
])('the fuzz target %s', (_name, target) => {
  test('takes its seeds, and 5000 inputs grown from them', () => {
    for (const seed of target.seeds) target.fuzz(seed);
    const mutated = fc
      .tuple(fc.constantFrom(...target.seeds), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }))
      .map(([seed, changes]) => {
        const bytes = Uint8Array.from(seed);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        return bytes;
      });
    fc.assert(
      fc.property(mutated, (bytes) => target.fuzz(bytes)),
      { numRuns: 5000 },
    );
  });
});
