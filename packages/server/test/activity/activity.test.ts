import { parseThingName } from '@fleetward/core';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openPlatform, type Platform } from '../certificates/test-platform.ts';

const operator = { kind: 'operator', operatorId: 'ada' } as const;
const [pump, valve, fan, lamp] = ['pump', 'valve', 'fan', 'lamp'].map(parseThingName);
const dayMs = 86_400_000;
let folder: TemporaryFolder;
let platform: Platform;

beforeEach(async () => {
  folder = temporaryFolder();
  platform = await openPlatform({ folder: folder.path });
  for (const name of [pump!, valve!, fan!, lamp!]) await platform.things.create({ name }, operator);
});

afterEach(async () => {
  await platform.close();
  folder.remove();
});

async function reopen(): Promise<void> {
  const { keys, clock } = platform;
  await platform.close();
  platform = await openPlatform({ folder: folder.path, keys, clock });
}

function did(thingName = pump!, name = 'a/b', count = 1): void {
  platform.activity.record({ thingName, action: 'iot:Publish', name, outcome: 'allowed', count });
}

async function seen(thingName = pump!) {
  const [record] = await platform.activity.find([thingName]);
  return record?.entries.map(({ levels, count }) => [levels.join('/'), count]) ?? [];
}

test('what a thing did is known at once, and after a restart once it was written, with its counts together', async () => {
  did(pump, 'a/b', 2);
  expect(await seen()).toEqual([['a/b', 2]]);
  await platform.activity.flush();
  did(pump, 'a/b', 3);
  did(pump, 'a/c');
  expect(await seen()).toEqual([
    ['a/b', 5],
    ['a/c', 1],
  ]);
  await platform.activity.flush();
  await reopen();
  expect(await seen()).toEqual([
    ['a/b', 5],
    ['a/c', 1],
  ]);
});

test('what comes while it is written is neither lost nor counted twice', async () => {
  did();
  const flushed = platform.activity.flush();
  did();
  const reading = seen();
  await flushed;
  expect(await reading).toEqual([['a/b', 2]]);
  await platform.activity.flush();
  expect(await seen()).toEqual([['a/b', 2]]);
});

test('a write that fails keeps what it took for the next', async () => {
  did();
  const { store } = { store: platform.storage.stores.activity };
  const save = store.save.bind(store);
  let fails = true;
  Object.assign(store, {
    save: (...args: Parameters<typeof save>) =>
      fails ? Promise.reject(new Error('the disk is full')) : save(...args),
  });
  await expect(platform.activity.flush()).rejects.toThrow('full');
  did();
  fails = false;
  await platform.activity.flush();
  await reopen();
  expect(await seen()).toEqual([['a/b', 2]]);
});

test('of a thing only so many kinds of requests are kept apart', async () => {
  for (let round = 0; round < 3; round++) {
    for (let index = 0; index < 40; index++) did(pump, `readings/${round * 40 + index}`);
    await platform.activity.flush();
  }
  const entries = await seen();
  expect(entries.length).toBeLessThanOrEqual(32);
  expect(entries.reduce((sum, [, count]) => sum + Number(count), 0)).toBe(120);
});

test('of things beyond the limit decisions are counted only, also after a restart', async () => {
  did(pump);
  did(valve);
  did(fan);
  did(lamp, 'a/b', 4);
  expect(platform.activity.counts).toEqual({ things: 3, pending: 3, refused: 4, sampled: 0 });
  await platform.activity.flush();
  await reopen();
  did(lamp);
  expect(platform.activity.counts).toEqual({ things: 3, pending: 0, refused: 1, sampled: 0 });
});

test('what was not seen for thirty days is forgotten, request by request and thing by thing', async () => {
  did(pump, 'old');
  did(valve, 'old');
  await platform.activity.flush();
  platform.clock.advance(20 * dayMs);
  did(pump, 'new');
  await platform.activity.flush();
  platform.clock.advance(11 * dayMs);
  await platform.activity.flush();
  expect([await seen(pump), await seen(valve)]).toEqual([[['new', 1]], []]);
  expect(platform.activity.counts.things).toBe(1);
});

test('a thing that is removed is forgotten, and another of its name does not inherit', async () => {
  did();
  await platform.activity.flush();
  did();
  await platform.things.remove(pump!, operator);
  did(); // from a connection that ends a moment later
  platform.clock.advance(1);
  await platform.things.create({ name: pump! }, operator);
  expect(await seen()).toEqual([]);
  await platform.activity.flush();
  await reopen();
  expect(await seen()).toEqual([]);
});
