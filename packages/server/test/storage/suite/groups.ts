import { parseGroupName, parseThingName } from '@fleetward/core';
import { expect, test } from 'vitest';
import { type Opened, outcomes } from './backend.ts';

export function describeGroups(opened: () => Opened): void {
  const group = (name: string, parent?: string) => ({
    name: parseGroupName(name),
    tags: {},
    createdAtMs: 1,
    ...(parent === undefined ? {} : { parentName: parseGroupName(parent) }),
  });
  const add = (name: string, parent?: string) =>
    opened().transact((tx) => opened().stores.groups.add(tx, group(name, parent)));
  const membership = (groupName: string, thingName: string) => ({
    groupName: parseGroupName(groupName),
    thingName: parseThingName(thingName),
  });

  test('groups come back in pages as they were stored, under their parents', async () => {
    const { groups } = opened().stores;
    await add('p-top');
    await add('p-under', 'p-top');
    expect(await groups.page({ limit: 1 })).toEqual([group('p-top')]);
    expect(await groups.page({ after: parseGroupName('p-top'), limit: 10 })).toEqual([
      group('p-under', 'p-top'),
    ]);
  });

  test('a name is given once, and a parent must exist', async () => {
    await add('once');
    expect(await outcomes([add('once')])).toEqual(['store.conflict']);
    expect(await outcomes([add('orphan', 'no-such-group')])).toEqual(['store.conflict']);
  });

  test('a group is put under another, and at the top again', async () => {
    const { stores, transact } = opened();
    await add('m-a');
    await add('m-b');
    const move = (name: string, parent?: string) =>
      transact((tx) => stores.groups.setParent(tx, group(name, parent)));
    const stored = async () => (await stores.groups.page({ limit: 100 })).find(({ name }) => name === 'm-b');
    expect(await move('m-b', 'm-a')).toBe(true);
    expect(await stored()).toEqual(group('m-b', 'm-a'));
    expect(await move('m-b')).toBe(true);
    expect(await stored()).toEqual(group('m-b'));
    expect(await move('no-such-group', 'm-a')).toBe(false);
    expect(await outcomes([move('m-b', 'no-such-group')])).toEqual(['store.conflict']);
  });

  test('a group with a thing or a child is not removed; an empty one is, once', async () => {
    const { stores, transact } = opened();
    await add('r-top');
    await add('r-under', 'r-top');
    const remove = (name: string) => transact((tx) => stores.groups.remove(tx, parseGroupName(name)));
    const member = membership('r-under', 'lamp');
    await transact((tx) => stores.groups.addThing(tx, member));
    expect(await outcomes([remove('r-under')])).toEqual(['store.conflict']);
    expect(await transact((tx) => stores.groups.removeThing(tx, member))).toBe(true);
    expect(await outcomes([remove('r-top')])).toEqual(['store.conflict']);
    expect([await remove('r-under'), await remove('r-under'), await remove('r-top')]).toEqual([
      true,
      false,
      true,
    ]);
  });

  test('things are members once, listed by name, and taken out singly or everywhere', async () => {
    const { stores, transact } = opened();
    await add('t-1');
    await add('t-2');
    const pairs = [
      membership('t-1', 'b'),
      membership('t-1', 'a'),
      membership('t-1', 'c'),
      membership('t-2', 'b'),
    ];
    await transact(async (tx) => {
      for (const pair of [...pairs, ...pairs]) await stores.groups.addThing(tx, pair);
    });
    const group = parseGroupName('t-1');
    expect(await stores.groups.things(group, { limit: 2 })).toEqual(['a', 'b']);
    expect(await stores.groups.things(group, { after: parseThingName('b'), limit: 2 })).toEqual(['c']);
    const members = async () =>
      (await stores.groups.memberships()).filter(({ groupName }) => groupName.startsWith('t-'));
    expect(await members()).toHaveLength(4);
    await transact((tx) => stores.groups.forgetThing(tx, parseThingName('b')));
    expect(await members()).toEqual([membership('t-1', 'a'), membership('t-1', 'c')]);
    const gone = await transact((tx) => stores.groups.removeThing(tx, membership('t-1', 'b')));
    expect(gone).toBe(false);
  });

  test('a thing cannot be put into a group that does not exist', async () => {
    const { stores, transact } = opened();
    const added = transact((tx) => stores.groups.addThing(tx, membership('no-such-group', 'lamp')));
    expect(await outcomes([added])).toEqual(['store.conflict']);
  });

  test('a query and tags are replaced, of a group that is there', async () => {
    const { stores, transact } = opened();
    const dynamic = { ...group('z-dynamic'), query: 'battery<20', tags: { team: 'blue' } };
    await transact((tx) => stores.groups.add(tx, dynamic));
    const changed = { ...dynamic, query: 'battery<30', tags: {} };
    expect(await transact((tx) => stores.groups.update(tx, changed))).toBe(true);
    const page = await stores.groups.page({ after: parseGroupName('z-dynamib'), limit: 1 });
    expect(page).toEqual([changed]);
    expect(await transact((tx) => stores.groups.update(tx, group('q-none')))).toBe(false);
  });

  test('many things come to groups in one go, or none of them', async () => {
    const { stores, transact } = opened();
    await add('z-joined');
    const joins = Array.from({ length: 40 }, (_, at) => membership('z-joined', `m-${at}`));
    await transact((tx) => stores.groups.addThings(tx, joins));
    expect(await stores.groups.things(parseGroupName('z-joined'), { limit: 100 })).toHaveLength(40);
    const again = transact((tx) => stores.groups.addThings(tx, [membership('z-joined', 'm-new'), joins[3]!]));
    expect(await outcomes([again])).toEqual(['store.conflict']);
  });

  test('every membership is listed, however many pages they fill', async () => {
    const { stores, transact } = opened();
    await add('many');
    // In parts: a transaction has a limit of time, also on a busy machine.
    for (let part = 0; part < 11; part++)
      await transact(async (tx) => {
        for (let count = 0; count < 100; count++)
          await stores.groups.addThing(tx, membership('many', `thing-${part * 100 + count}`));
      });
    const listed = (await stores.groups.memberships()).filter(({ groupName }) => groupName === 'many');
    expect(new Set(listed.map(({ thingName }) => thingName)).size).toBe(1_100);
  });
}
