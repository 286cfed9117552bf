import { expect, test } from 'vitest';
import { type Opened, outcomes } from './backend.ts';

export function describeThingTypes(opened: () => Opened): void {
  test('types come back by name as they were stored, changed and removed, each name once', async () => {
    const { stores, transact } = opened();
    const { thingTypes } = stores;
    const type = { name: 't-b', requiredAttributes: ['serial', 'a,b'], tags: { team: 'x' }, createdAtMs: 1 };
    const other = { name: 't-a', requiredAttributes: [], tags: {}, createdAtMs: 2 };
    for (const each of [type, other]) await transact((tx) => thingTypes.add(tx, each));
    expect(await thingTypes.all()).toEqual([other, type]);
    expect(await outcomes([transact((tx) => thingTypes.add(tx, type))])).toEqual(['store.conflict']);
    const changed = { ...type, requiredAttributes: ['site'], tags: {} };
    expect(await transact((tx) => thingTypes.update(tx, changed))).toBe(true);
    expect(await transact((tx) => thingTypes.update(tx, { ...changed, name: 't-c' }))).toBe(false);
    expect(await transact((tx) => thingTypes.remove(tx, 't-a'))).toBe(true);
    expect(await transact((tx) => thingTypes.remove(tx, 't-a'))).toBe(false);
    expect(await thingTypes.all()).toEqual([changed]);
    await transact((tx) => thingTypes.remove(tx, 't-b'));
  });
}
