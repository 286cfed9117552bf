import { parseThingName } from '@fleetward/core';
import { expect, test } from 'vitest';
import type { StoredShadow } from '../../../src/shadows/store.ts';
import type { Opened } from './backend.ts';

export function describeShadows(opened: () => Opened): void {
  const shadow = (thing: string, shadowName: string, more: Partial<StoredShadow> = {}): StoredShadow => ({
    thingName: parseThingName(thing),
    shadowName,
    version: 3,
    state: { desired: { a: [1, { b: null }], __proto: 'ä' }, reported: {} },
    times: { desired: { a: 7, __proto: 8 }, reported: {} },
    isDeleted: false,
    updatedAtMs: 9,
    ...more,
  });
  const deleted = { version: 5, state: {}, times: {}, isDeleted: true } as const;

  test('are found by thing and name, as they were saved last', async () => {
    const { stores, transact } = opened();
    const classic = shadow('sh-a', '');
    const named = shadow('sh-a', 'config');
    await transact((tx) => stores.shadows.save(tx, [classic, named]));
    const newer = shadow('sh-a', 'config', deleted);
    const many = Array.from({ length: 70 }, (_, index) => shadow('sh-many', `n${100 + index}`));
    await transact(async (tx) => {
      await stores.shadows.save(tx, [newer, ...many]);
      expect(await stores.shadows.find([newer], tx)).toEqual([newer]);
    });
    const found = await stores.shadows.find([classic, named, shadow('sh-b', '')]);
    expect(found).toHaveLength(2);
    expect(found).toEqual(expect.arrayContaining([classic, newer]));
    expect(await stores.shadows.find([])).toEqual([]);
    expect(await stores.shadows.ofThing(parseThingName('sh-many'), { limit: 2 })).toEqual(many.slice(0, 2));
    const page = { after: 'n101', limit: 100 };
    expect(await stores.shadows.ofThing(parseThingName('sh-many'), page)).toEqual(many.slice(2));
  });

  test('of one thing are nothing to another whose name begins alike', async () => {
    const { stores, transact } = opened();
    const [own, other, third] = ['sh-c', 'sh-c0', 'sh-c-1'].map((name) => shadow(name, 'x'));
    await transact((tx) => stores.shadows.save(tx, [own!, other!, third!, shadow('sh-c', '')]));
    expect(await stores.shadows.ofThing(own!.thingName, { limit: 9 })).toEqual([shadow('sh-c', ''), own]);
    await transact((tx) => stores.shadows.remove(tx, own!));
    expect(await stores.shadows.ofThing(own!.thingName, { limit: 9 })).toEqual([shadow('sh-c', '')]);
    await transact((tx) => stores.shadows.forget(tx, own!.thingName));
    expect(await stores.shadows.find([own!, other!, third!])).toHaveLength(2);
    expect(await stores.shadows.ofThing(own!.thingName, { limit: 9 })).toEqual([]);
  });

  test('are paged for the search: what those of some names hold', async () => {
    const { stores, transact } = opened();
    const state = { reported: { fw: '1' } };
    const names = ['', 'config', 'confi_', 'other'];
    const all = names.map((name) => shadow('sh-p', name, { state }));
    const gone = shadow('sh-q', '', deleted);
    await transact((tx) => stores.shadows.save(tx, [...all, gone]));
    const read = async (shadowNames: readonly string[]) => {
      const found: Awaited<ReturnType<typeof stores.shadows.page>>[number][] = [];
      for (let after: (typeof found)[number] = shadow('sh-o', ''); ; after = found.at(-1)!) {
        const page = await stores.shadows.page({ shadowNames, after, limit: 2 });
        if (page.length === 0) return found.filter((one) => one.thingName < 'sh-r');
        found.push(...page);
      }
    };
    const nothing = { thingName: gone.thingName, shadowName: '', state: {} };
    const held = (shadowName: string) => ({ thingName: all[0]!.thingName, shadowName, state });
    const bare = (shadowName: string) => ({ ...held(shadowName), state: {} });
    expect(await read([''])).toEqual([held(''), bare('confi_'), bare('config'), bare('other'), nothing]);
    expect(await read(['', 'config'])).toEqual([
      held(''),
      bare('confi_'),
      held('config'),
      bare('other'),
      nothing,
    ]);
    expect(await stores.shadows.page({ shadowNames: [''], limit: 1 })).toHaveLength(1);
  });

  test('know which things are registered, also within the transaction that registers them', async () => {
    const { stores, transact } = opened();
    const names = ['sh-new', 'sh-none'].map((name) => parseThingName(name));
    const thing = {
      name: names[0]!,
      attributes: {},
      tags: {},
      state: 'manufactured' as const,
      createdAtMs: 1,
    };
    await transact(async (tx) => {
      expect(await stores.shadows.registered(tx, names)).toEqual([]);
      await stores.things.add(tx, thing);
      expect(await stores.shadows.registered(tx, names)).toEqual([thing.name]);
    });
  });
}
