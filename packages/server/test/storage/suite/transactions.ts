import { setTimeout as sleep } from 'node:timers/promises';
import { parseThingName, type ThingName } from '@fleetward/core';
import { expect, test } from 'vitest';
import { type Opened, outcomes } from './backend.ts';

export function describeTransactions(opened: () => Opened): void {
  const named = (name: string) => parseThingName(name);
  const thing = (name: ThingName) => ({
    name,
    attributes: {},
    tags: {},
    state: 'manufactured' as const,
    createdAtMs: 1,
  });

  test('a transaction that throws leaves nothing, and its neighbours in the same moment stay', async () => {
    const { stores, transact } = opened();
    const add = (name: string, failing: boolean) =>
      transact(async (tx) => {
        await stores.things.add(tx, thing(named(name)));
        if (failing) throw new Error('changed my mind');
        return name;
      });
    const settled = await Promise.allSettled([add('n-1', false), add('n-2', true), add('n-3', false)]);
    expect(settled.map((one) => one.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await stores.things.find(named('n-1'))).toBeDefined();
    expect(await stores.things.find(named('n-2'))).toBeUndefined();
    expect(await stores.things.find(named('n-3'))).toBeDefined();
  });

  test('an error that `work` swallows is not committed around', async () => {
    const { stores, transact } = opened();
    await transact((tx) => stores.things.add(tx, thing(named('taken'))));
    const sly = transact(async (tx) => {
      await stores.things.add(tx, thing(named('beside')));
      await stores.things.add(tx, thing(named('taken'))).catch(() => {});
    });
    expect(await outcomes([sly])).toEqual(['store.conflict']);
    expect(await stores.things.find(named('beside'))).toBeUndefined();
  });

  test('what was acknowledged is read at once, and what is open is read only inside', async () => {
    const { stores, transact } = opened();
    for (let round = 0; round < 20; round++) {
      const name = named(`seen-${round}`);
      await transact(async (tx) => {
        await stores.things.add(tx, thing(name));
        expect(await stores.things.find(name, tx)).toBeDefined();
        expect(await stores.things.find(name)).toBeUndefined();
      });
      expect(await stores.things.find(name)).toBeDefined();
    }
  });

  test('effects run in order, after the commit and before the caller goes on', async () => {
    const { stores, transact } = opened();
    const told: string[] = [];
    await transact(async (tx) => {
      tx.afterCommit(() => told.push('first'));
      await stores.things.add(tx, thing(named('effects')));
      tx.afterCommit(() => told.push('second'));
      told.push('work');
    });
    told.push('caller');
    expect(told).toEqual(['work', 'first', 'second', 'caller']);
  });

  test('effects of a rolled back transaction never run', async () => {
    const { transact } = opened();
    const told: string[] = [];
    const failing = transact(async (tx) => {
      tx.afterCommit(() => told.push('effect'));
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    await transact(async () => {});
    expect(told).toEqual([]);
  });

  test('effects of conflicting transactions run in the order of their commits', async () => {
    const { stores, transact } = opened();
    const node = stores.trail('effects');
    const told: number[] = [];
    let counter = 0;
    const step = () =>
      transact(async (tx) => {
        await node.head(tx);
        const turn = ++counter;
        tx.afterCommit(() => told.push(turn));
      });
    await Promise.all(Array.from({ length: 20 }, step));
    expect(told).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  });

  test('a hung transaction is rolled back and the others go on', async () => {
    const { stores, transact } = opened();
    let wake: () => void = () => {};
    const late = new Promise<void>((resolve) => {
      wake = resolve;
    });
    let afterwards: Promise<unknown> = Promise.resolve();
    const hung = transact(async (tx) => {
      await stores.things.add(tx, thing(named('hung')));
      afterwards = late.then(() => stores.things.add(tx, thing(named('too-late'))));
      afterwards.catch(() => {});
      await new Promise(() => {});
    });
    const other = transact((tx) => stores.things.add(tx, thing(named('patient'))));
    expect(await outcomes([hung, other])).toEqual(['store.busy', undefined]);
    wake();
    expect(await outcomes([afterwards])).toEqual(['store.unavailable']);
    expect(await stores.things.find(named('hung'))).toBeUndefined();
    expect(await stores.things.find(named('too-late'))).toBeUndefined();
    expect(await stores.things.find(named('patient'))).toBeDefined();
  });

  test('a transaction of somebody else is refused', async () => {
    const { stores } = opened();
    const foreign = { afterCommit: () => {} } as never;
    await expect(stores.things.add(foreign, thing(named('foreign')))).rejects.toThrow(TypeError);
  });

  test('the queue is bounded: what does not fit is `store.busy`, the rest is done', async () => {
    const { transact } = opened();
    const many = Array.from({ length: 200 }, () => transact(() => sleep(1, 'done')));
    const settled = await outcomes(many);
    expect(new Set(settled)).toEqual(new Set(['done', 'store.busy']));
    expect(await transact(async () => 'again')).toBe('again');
  });
}
