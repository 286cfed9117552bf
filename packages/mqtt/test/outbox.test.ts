import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChunkPool } from '../src/broker/chunk-pool.ts';
import { Outbox } from '../src/broker/outbox.ts';

// Long enough to outgrow the first chunk with a few ranges.
const source = Buffer.from(Uint8Array.from({ length: 20_000 }, (_, index) => index * 31));
const step = fc.record({
  kind: fc.constantFrom('pass', 'pass', 'pass', 'copy', 'share', 'acknowledgement', 'settle', 'take'),
  start: fc.constantFrom(0, 5, 6, 7, 100, 19_000),
  length: fc.oneof(fc.integer({ min: 2, max: 60 }), fc.integer({ min: 2, max: 900 })),
});

test('what goes out is what came in, in that order, however it was given', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const outbox = new Outbox(new ChunkPool({ pooledBytesMax: 1_000_000 }), { mayReuse: true });
      let expected: Buffer[] = [];
      const taken = (): void => {
        const all = Buffer.concat(expected);
        expect(outbox.stagedBytes).toBe(all.length);
        expect(Buffer.from(outbox.take() ?? []).equals(all)).toBe(true);
        outbox.release();
        expected = [];
      };
      for (const each of steps) {
        const [start, end] = [each.start, each.start + each.length];
        if (each.kind === 'take') taken();
        if (each.kind === 'settle') outbox.settle();
        if (each.kind === 'take' || each.kind === 'settle') continue;
        if (each.kind === 'acknowledgement') outbox.acknowledgement(0x40, 1, 0);
        if (each.kind === 'share') outbox.share(source.subarray(start, end));
        if (each.kind === 'copy') outbox.copy(source, start, end);
        if (each.kind === 'pass') {
          outbox.pass(source, start, start + 1); // and what follows it
          outbox.pass(source, start + 1, end);
        }
        expected.push(
          each.kind === 'acknowledgement' ? Buffer.from([0x40, 2, 0, 1]) : source.subarray(start, end),
        );
      }
      taken();
    }),
    { numRuns: 500 },
  );
});

test('a slow consumer holds no chunk that its messages came in once it is flushed', () => {
  const outbox = new Outbox(new ChunkPool({ pooledBytesMax: 1_000_000 }), { mayReuse: true });
  const chunk = Buffer.from(source);
  outbox.pass(chunk, 10, 20);
  outbox.settle();
  chunk.fill(0);
  expect(outbox.take()?.equals(source.subarray(10, 20))).toBe(true);
});
