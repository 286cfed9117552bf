import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CHUNK_SIZES, ChunkPool } from '../src/broker/chunk-pool.ts';
import { Outbox } from '../src/broker/outbox.ts';
import { RateLimit } from '../src/broker/rate-limit.ts';
import { TimerWheel } from '../src/broker/timer-wheel.ts';
import { TopicTable } from '../src/topics/topic-table.ts';

describe('the outbox', () => {
  test('gives back every byte in order, shared or copied, whatever the sizes', () => {
    const packets = fc.array(
      fc.record({ size: fc.integer({ min: 1, max: 150_000 }), shared: fc.boolean() }),
      {
        maxLength: 8,
      },
    );
    fc.assert(
      fc.property(fc.array(packets, { maxLength: 3 }), (turns) => {
        const outbox = new Outbox(new ChunkPool({ pooledBytesMax: 100_000 }), { mayReuse: true });
        for (const turn of turns) {
          const written: Buffer[] = [];
          for (const [index, { size, shared }] of turn.entries()) {
            const packet = Buffer.alloc(size, index + 1);
            if (shared) outbox.share(packet);
            else outbox.copy(packet, 0, size);
            outbox.acknowledgement(0x40, index + 1, 0);
            written.push(packet, Buffer.from([0x40, 2, 0, index + 1]));
          }
          const taken = outbox.take() ?? Buffer.alloc(0);
          expect(taken.equals(Buffer.concat(written))).toBe(true);
          outbox.release();
        }
      }),
    );
  });

  test('keeps no more bytes than its pool may', () => {
    const [small = 0, medium = 0] = CHUNK_SIZES;
    const pool = new ChunkPool({ pooledBytesMax: small + medium });
    const [first, second, third] = [pool.take(1), pool.take(small + 1), pool.take(1)];
    for (const chunk of [first, second, third]) pool.give(chunk);
    expect(pool.take(small)).toBe(first);
    expect(pool.take(medium)).toBe(second);
    expect(pool.take(1)).not.toBe(third);
  });
});

test('the timer wheel calls each entry once, when its deadline has come and not before, also after a long sleep', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(2_000_000), { maxLength: 20 }),
      fc.array(fc.nat(600_000), { minLength: 1, maxLength: 20 }),
      (deadlines, sleeps) => {
        const wheel = new TimerWheel<{ deadlineMs: number; wheelSlot: number }>({ slotMs: 250, nowMs: 0 });
        const waiting = new Set(deadlines.map((deadlineMs) => ({ deadlineMs, wheelSlot: -1 })));
        for (const entry of waiting) wheel.set(entry, entry.deadlineMs);
        let nowMs = 0;
        for (const sleep of [...sleeps, 3_000_000]) {
          nowMs += sleep;
          wheel.advance(nowMs, (entry) => {
            expect(entry.deadlineMs).toBeLessThanOrEqual(nowMs);
            expect(waiting.delete(entry)).toBe(true);
          });
          // Late by one slot at most.
          for (const entry of waiting) expect(entry.deadlineMs).toBeGreaterThan(nowMs - 500);
        }
        expect(waiting.size).toBe(0);
      },
    ),
  );
});

test('the rate limit lets a second through at once and then asks to wait as long as the debt takes', () => {
  const rate = new RateLimit({ perSecond: 10, nowMs: 0 });
  expect(rate.spend(10, 0)).toBe(0);
  expect(rate.spend(5, 0)).toBe(500);
  expect(rate.spend(0, 500)).toBe(0);
  expect(rate.spend(11, 60_000)).toBe(100);
});

test('the topic table gives the same topic for the same bytes, never another one, full or not', () => {
  const table = new TopicTable<never>({ seed: 7, refuse: () => {} });
  expect(table.fromText('a/b')).toBe(table.fromText('a/b'));
  for (let index = 0; index < 40_000; index++) expect(table.fromText(`t/${index}`).text).toBe(`t/${index}`);
  expect(() => table.fromText('a/+')).toThrow(expect.objectContaining({ code: 'mqtt.invalid_topic' }));
});
