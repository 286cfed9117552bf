import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Bandwidth } from '../../src/releases/bandwidth.ts';

const pieceBytes = 65_536;
const catchUpMs = 50;

/** Time that passes only when everybody waits. */
function simulatedTime() {
  let nowMs = 1_000_000;
  const waiting: { readonly atMs: number; readonly resume: () => void }[] = [];
  return {
    monotonicMs: () => nowMs,
    pause: (ms: number, signal: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        waiting.push({ atMs: nowMs + ms, resume: resolve });
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      }),
    /** Runs until the time is up. */
    async run(forMs: number): Promise<void> {
      const endMs = nowMs + forMs;
      for (;;) {
        await setImmediate();
        waiting.sort((a, b) => a.atMs - b.atMs);
        const next = waiting[0];
        if (next === undefined || next.atMs > endMs) break;
        waiting.shift();
        nowMs = Math.max(nowMs, next.atMs);
        next.resume();
      }
      nowMs = endMs;
    },
  };
}

interface Stream {
  readonly device: string;
  readonly caps: readonly { readonly key: string; readonly bytesPerSecond: number }[];
}

/** Bytes by stream that went through in `seconds`, of streams that never run dry. */
async function flow(
  streams: readonly Stream[],
  { totalBytesPerSecond, seconds }: { readonly totalBytesPerSecond: number; readonly seconds: number },
): Promise<readonly number[]> {
  const time = simulatedTime();
  const bandwidth = new Bandwidth({ totalBytesPerSecond, ...time });
  const bytes = streams.map(() => 0);
  const stop = new AbortController();
  streams.forEach(async (stream, index) => {
    while (!stop.signal.aborted) {
      await bandwidth.take(pieceBytes, { ...stream, signal: stop.signal })?.catch(() => undefined);
      if (!stop.signal.aborted) bytes[index]! += pieceBytes;
    }
  });
  await time.run(seconds * 1_000);
  stop.abort(new Error('over'));
  return bytes;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
const rate = fc.integer({ min: 100_000, max: 20_000_000 });

test('what goes through never exceeds the cap of all, and uses it up', async () => {
  await fc.assert(
    fc.asyncProperty(
      rate,
      fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 5 }),
      async (totalBytesPerSecond, streamsOfDevices) => {
        const streams = streamsOfDevices.flatMap((count, device) =>
          Array.from({ length: count }, () => ({ device: `${device}`, caps: [] })),
        );
        const seconds = 10;
        const bytes = sum(await flow(streams, { totalBytesPerSecond, seconds }));
        const most = totalBytesPerSecond * (seconds + catchUpMs / 1_000) + pieceBytes * streams.length;
        expect(bytes).toBeLessThanOrEqual(most);
        expect(bytes).toBeGreaterThan(totalBytesPerSecond * seconds - pieceBytes * streams.length);
      },
    ),
    { numRuns: 20 },
  );
});

test('devices share evenly, however many downloads each of them has', async () => {
  const greedy = Array.from({ length: 8 }, () => ({ device: 'greedy', caps: [] }));
  const streams = [...greedy, { device: 'modest', caps: [] }, { device: 'other', caps: [] }];
  const bytes = await flow(streams, { totalBytesPerSecond: 3_000_000, seconds: 20 });
  const [ofGreedy, modest, other] = [sum(bytes.slice(0, 8)), bytes[8]!, bytes[9]!];
  for (const one of [ofGreedy, other]) expect(Math.abs(one - modest)).toBeLessThanOrEqual(2 * pieceBytes);
});

test('a device under a cap of its own leaves the rest to the others', async () => {
  const slow = { device: 'slow', caps: [{ key: 'device slow', bytesPerSecond: 200_000 }] };
  const streams = [slow, slow, { device: 'fast', caps: [] }];
  const bytes = await flow(streams, { totalBytesPerSecond: 2_000_000, seconds: 20 });
  expect(sum(bytes.slice(0, 2))).toBeLessThanOrEqual(200_000 * 20.05 + 2 * pieceBytes);
  expect(sum(bytes)).toBeGreaterThan(2_000_000 * 20 - 3 * pieceBytes);
});

test('a cap that several devices share holds for all of them together, also over new downloads', async () => {
  const caps = [{ key: 'campaign 7', bytesPerSecond: 500_000 }];
  const streams = ['a', 'b', 'c'].map((device) => ({ device, caps }));
  const bytes = await flow(streams, { totalBytesPerSecond: 0, seconds: 20 });
  expect(sum(bytes)).toBeLessThanOrEqual(500_000 * 20.05 + 3 * pieceBytes);
  expect(sum(bytes)).toBeGreaterThan(500_000 * 20 - 3 * pieceBytes);
  expect(Math.max(...bytes) - Math.min(...bytes)).toBeLessThanOrEqual(2 * pieceBytes);
});

test('without caps nothing waits', () => {
  const bandwidth = new Bandwidth({ totalBytesPerSecond: 0, ...simulatedTime() });
  const by = { device: 'a', caps: [], signal: new AbortController().signal };
  expect(bandwidth.take(pieceBytes, by)).toBeUndefined();
});

test('a download that is given up while it waits lets the next of its device go on', async () => {
  const time = simulatedTime();
  const bandwidth = new Bandwidth({ totalBytesPerSecond: pieceBytes, ...time });
  const take = (signal: AbortSignal) => bandwidth.take(pieceBytes, { device: 'a', caps: [], signal });
  const [gone, stays] = [new AbortController(), new AbortController()];
  await take(stays.signal);
  const waiting = take(gone.signal);
  const next = take(stays.signal);
  await setImmediate();
  gone.abort(new Error('the client went away'));
  await expect(waiting).rejects.toThrow('the client went away');
  await time.run(3_000);
  await next;
});

test('downloads that are begun and given up, again and again, take nothing of what the others share', async () => {
  const time = simulatedTime();
  const bandwidth = new Bandwidth({ totalBytesPerSecond: 1_000_000, ...time });
  const stays = new AbortController().signal;
  const take = (device: string, signal: AbortSignal) =>
    bandwidth.take(pieceBytes, { device, caps: [], signal });
  await take('honest', stays);
  for (let attempt = 0; attempt < 1_000; attempt++) {
    const gone = new AbortController();
    const waiting = take('hostile', gone.signal);
    await setImmediate();
    gone.abort(new Error('the client went away'));
    await waiting?.catch(() => undefined);
  }
  let isThrough = false;
  void take('honest', stays)?.then(() => {
    isThrough = true;
  });
  await time.run(1_000);
  expect(isThrough).toBe(true);
});
