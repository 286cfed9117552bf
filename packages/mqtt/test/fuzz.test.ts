import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as liveBroker from '../fuzz/live-broker.fuzz.ts';
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

describe('the fuzz target live-broker', () => {
  const INPUTS = 500;
  setFlagsFromString('--expose-gc');
  const collectGarbage: () => void = runInNewContext('gc');

  const grown = fc
    .tuple(fc.constantFrom(...liveBroker.seeds), fc.uint8Array({ minLength: 1, maxLength: 150 }), fc.nat(150))
    .map(([seed, bytes, at]) => Uint8Array.from([...seed.subarray(0, at), ...bytes, ...seed.subarray(at)]));

  async function run(seed: number): Promise<number> {
    await fc.assert(
      fc.asyncProperty(grown, async (bytes) => liveBroker.fuzz(bytes)),
      { numRuns: INPUTS, seed },
    );
    collectGarbage();
    return process.memoryUsage().heapUsed;
  }

  test(`serves the witness through twice ${INPUTS} conversations of three clients, and keeps nothing of them`, async () => {
    const before = await run(1);
    const after = await run(2);
    expect(after - before).toBeLessThan(4 * 1024 * 1024);
  }, 120_000);
});
