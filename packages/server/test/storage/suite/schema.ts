import { parseThingName } from '@fleetward/core';
import { expect, test } from 'vitest';
import { migrations } from '../../../src/storage/migrations/index.ts';
import { queriesOf } from '../../../src/storage/open-transaction.ts';
import { type Opened, outcomes } from './backend.ts';

export function describeSchema(opened: () => Opened): void {
  const name = parseThingName('survivor');

  test('records are there after closing and opening again, any number at once', async () => {
    const { stores, transact, reopen } = opened();
    await transact((tx) =>
      stores.things.add(tx, {
        name,
        attributes: {},
        tags: {},
        state: 'manufactured' as const,
        createdAtMs: 1,
      }),
    );
    const again = await Promise.all([reopen(), reopen(), reopen()]);
    for (const storage of again) expect(await storage.stores.things.find(name)).toBeDefined();
    await Promise.all(again.map((storage) => storage.close()));
  });

  test('closing finishes what waits and takes nothing more', async () => {
    const { stores, transactor, close } = await opened().reopen();
    const names = Array.from({ length: 30 }, (_, index) => parseThingName(`waits-${index}`));
    const add = (one: typeof name) =>
      transactor.transact((tx) =>
        stores.things.add(tx, {
          name: one,
          attributes: {},
          tags: {},
          state: 'manufactured' as const,
          createdAtMs: 1,
        }),
      );
    const waiting = names.map(add);
    const closing = close();
    expect(await outcomes([add(parseThingName('too-late'))])).toEqual(['store.unavailable']);
    await Promise.all(waiting);
    await closing;
    for (const one of names) expect(await opened().stores.things.find(one)).toBeDefined();
    expect(await outcomes([stores.things.find(name)])).toEqual(['store.unavailable']);
  });

  test('a database that a newer program wrote is refused and left alone', async () => {
    const { stores, transact, reopen } = opened();
    const version = migrations.length + 1;
    await transact(async (tx) => {
      await queriesOf(tx).insertInto('schema_migrations').values({ version, name: 'future' }).execute();
    });
    expect(await outcomes([reopen()])).toEqual(['store.newer']);
    expect(await stores.things.find(name)).toBeDefined();
  });
}
