import { parseSha256, parseThingName } from '@fleetward/core';
import { beforeEach, expect, test } from 'vitest';
import { Downloads } from '../../src/releases/downloads.ts';
import { Places } from '../../src/releases/places.ts';

let nowMs: number;
let places: Places;
let cut: string[];

beforeEach(() => {
  nowMs = 0;
  cut = [];
  places = new Places({
    downloadsMax: 3,
    deviceDownloadsMax: 2,
    yieldsAfterMs: 1_000,
    monotonicMs: () => nowMs,
  });
});

const take = (device: string) => places.take(device, () => void cut.push(device)).place;

test('no device has more than its share, whatever room there is', () => {
  take('a');
  const second = take('a');
  expect(places.obstacle('a')).toBe('deviceDownloadsMax');
  expect(places.obstacle('b')).toBeUndefined();
  places.leave(second);
  expect(places.obstacle('a')).toBeUndefined();
});

test('where all places are taken, nobody makes room before its time', () => {
  for (const device of ['a', 'b', 'c']) take(device);
  nowMs = 999;
  expect(places.obstacle('d')).toBe('downloadsMax');
  nowMs = 1_000;
  expect(places.obstacle('d')).toBeUndefined();
  take('d');
  expect(cut).toHaveLength(1);
  expect(places.count).toBe(3);
});

test('the slowest reader makes room, be it that it reads nothing at all or little, and never one that waits for us', () => {
  const honest = take('honest');
  const trickling = take('trickling');
  const stuck = take('stuck');
  stuck.waitingSinceMs = 10;
  Object.assign(trickling, { bytes: 2_000, readerMs: 900 });
  honest.bytes = 500; // of a low cap; its reader was never waited for
  nowMs = 1_000;
  take('first');
  take('second');
  expect(cut).toEqual(['stuck', 'trickling']);
  expect(places.obstacle('third')).toBeUndefined();
});

test('a crowd that opens downloads and reads nothing keeps an honest device out for no longer than its time', () => {
  for (let round = 0; round < 50; round++) {
    const device = `hostile-${round}`;
    if (places.obstacle(device) === undefined) take(device).waitingSinceMs = nowMs;
    nowMs += 100;
  }
  nowMs += 1_000;
  const honest = take('honest');
  for (let round = 0; round < 50; round++) {
    nowMs += 1_000;
    honest.bytes += 1_000_000;
    honest.readerMs += 1_000;
    take(`hostile-again-${round}`).waitingSinceMs = nowMs;
  }
  expect(cut).not.toContain('honest');
});

test('requests that were all checked before the first of them began have no more places than others', async () => {
  const sha256 = parseSha256('0'.repeat(64));
  const downloads = new Downloads({
    artifacts: {
      read: async function* () {
        yield new Uint8Array(1);
      },
    },
    rules: { mayFetch: () => true, capsOf: () => [] },
    deviceBytesPerSecond: 0,
    totalBytesPerSecond: 0,
    downloadsMax: 3,
    deviceDownloadsMax: 2,
    yieldsAfterMs: 1_000,
    monotonicMs: () => 0,
    pause: async () => undefined,
  });
  const device = { thingName: parseThingName('a') };
  const target = { path: 'lamp/1', sha256, lengthBytes: 1 };
  for (let times = 0; times < 20; times++) downloads.check(device, target);
  const range = { start: 0, end: 0 };
  const { signal } = new AbortController();
  const reading = { target, range, signal, cut: () => undefined };
  const began = Array.from({ length: 20 }, () => downloads.read(device, reading).next());
  const outcomes = await Promise.allSettled(began);
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
  expect(downloads.counts).toMatchObject({ underWay: 2, overLimit: 18 });
});
