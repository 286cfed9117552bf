import { parseThingName } from '@fleetward/core';
import type { SketchEntry } from '@fleetward/policy';
import { expect, test } from 'vitest';
import type { ActivityRecord } from '../../../src/activity/store.ts';
import type { Opened } from './backend.ts';

export function describeActivity(opened: () => Opened): void {
  const entry: SketchEntry = {
    action: 'iot:Publish',
    outcome: 'allowed',
    levels: ['readings', null, 'Zürich "\\" \u0000'],
    isOpen: true,
    count: 3,
    firstSeenMs: 1,
    lastSeenMs: 2,
  };
  const record = (name: string, lastSeenMs = 2): ActivityRecord => ({
    thingName: parseThingName(name),
    entries: [entry],
    isSampled: true,
    lastSeenMs,
  });
  const save = (one: ActivityRecord) => opened().transact((tx) => opened().stores.activity.save(tx, one));

  test('what a thing did comes back as it was stored, and is replaced whole', async () => {
    const { activity } = opened().stores;
    await save(record('kept'));
    expect(await activity.find([parseThingName('kept'), parseThingName('none')])).toEqual([record('kept')]);
    const next = { ...record('kept', 9), entries: [], isSampled: false };
    await save(next);
    expect(await activity.find([next.thingName])).toEqual([next]);
    expect(await activity.find([])).toEqual([]);
  });

  test('a thing is forgotten, and those that were not seen for long are', async () => {
    const { stores, transact } = opened();
    for (const [name, atMs] of [
      ['gone', 50],
      ['old-1', 10],
      ['old-2', 19],
      ['new', 20],
    ] as const)
      await save(record(name, atMs));
    await transact((tx) => stores.activity.forget(tx, parseThingName('gone')));
    const expired = await transact((tx) => stores.activity.expire(tx, 20));
    expect(expired).toEqual(expect.arrayContaining(['old-1', 'old-2']));
    const names = await stores.activity.names();
    expect(names.filter((name) => ['gone', 'old-1', 'old-2', 'new'].includes(name))).toEqual(['new']);
  });
}
