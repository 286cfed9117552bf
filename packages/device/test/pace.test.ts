import { describe, expect, test } from 'vitest';
import { notTooSlow } from '../src/agent/pace.ts';

/** Chunks of so many bytes, each `everyMs` after the one before, by a clock of its own. */
function stream({ bytes, everyMs, chunks }: { bytes: number; everyMs: number; chunks: number }) {
  let nowMs = 0;
  async function* flow() {
    for (let left = chunks; left > 0; left--) {
      nowMs += everyMs;
      yield new Uint8Array(bytes);
    }
  }
  return notTooSlow(flow(), { bytesPerSecondMin: 1000, monotonicMs: () => nowMs });
}

describe('a stream that', () => {
  test.each([
    ['keeps its pace', { bytes: 1000, everyMs: 1000, chunks: 200 }],
    ['is slow in the beginning only', { bytes: 1, everyMs: 1000, chunks: 29 }],
    ['comes in bursts', { bytes: 100_000, everyMs: 60_000, chunks: 5 }],
  ])('%s is read to its end', async (_, flow) => {
    let count = 0;
    for await (const chunk of stream(flow)) count += chunk.length;
    expect(count).toBe(flow.bytes * flow.chunks);
  });

  test('trickles is given up, though something always comes', async () => {
    const endless = stream({ bytes: 1, everyMs: 1000, chunks: Number.POSITIVE_INFINITY });
    let count = 0;
    const read = (async () => {
      for await (const chunk of endless) count += chunk.length;
    })();
    await expect(read).rejects.toMatchObject({ code: 'device.too_slow' });
    expect(count).toBe(30);
  });
});
