import { statSync, writeFileSync } from 'node:fs';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openStorage } from '../../src/storage/index.ts';
import { queriesOf } from '../../src/storage/open-transaction.ts';
import { GroupCommit } from '../../src/storage/sqlite/group-commit.ts';
import { WorkerClient } from '../../src/storage/sqlite/worker-client.ts';
import { outcomes } from './suite/backend.ts';

const limits = { groupTransactionsMax: 64, groupMs: 1000, transactionMs: 2000, transactionsPendingMax: 1000 };
let folder: TemporaryFolder;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

describe('a group', () => {
  let writer: WorkerClient;
  let transactor: GroupCommit;
  beforeEach(async () => {
    const path = folder.join('group.db');
    writeFileSync(path, '');
    writer = await WorkerClient.open(
      { path, role: 'writer', busyTimeoutMs: 1000 },
      { statementsPendingMax: 1000 },
    );
    await ask('create table parents (id integer primary key)');
    await ask(
      'create table children (id integer, parent integer references parents deferrable initially deferred)',
    );
    transactor = new GroupCommit(writer, limits);
  });
  afterEach(async () => {
    await transactor.close();
    await writer.close();
  });

  const ask = (text: string) => writer.run({ sql: text, parameters: [] }, { inTransaction: false });
  const ids = async () => (await ask('select id from children order by id')).rows;
  const add = (id: number, parent: number | null, effect: () => void = () => {}) =>
    transactor.transact(async (tx) => {
      await sql`insert into children values (${id}, ${parent})`.execute(queriesOf(tx));
      tx.afterCommit(effect);
      return id;
    });

  test('whose COMMIT fails rejects all of its transactions, runs no effect, and the next group is whole', async () => {
    const told: number[] = [];
    // A reference that SQLite checks at COMMIT: the second makes the COMMIT of all three fail.
    const group = [add(1, null, () => told.push(1)), add(2, 99), add(3, null, () => told.push(3))];
    expect(await outcomes(group)).toEqual(['store.conflict', 'store.conflict', 'store.conflict']);
    expect(await ids()).toEqual([]);
    expect(await outcomes([add(4, null, () => told.push(4)), add(5, null)])).toEqual([4, 5]);
    expect(await ids()).toEqual([{ id: 4 }, { id: 5 }]);
    expect(told).toEqual([4]);
  });

  test('answers nobody before its COMMIT, not even a transaction that failed', async () => {
    const order: string[] = [];
    const failing = transactor
      .transact(async () => {
        throw new Error('no');
      })
      .catch(() => order.push('failed'));
    const slow = transactor
      .transact(async () => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        order.push('slow work');
      })
      .then(() => order.push('slow answered'));
    await Promise.all([failing, slow]);
    expect(order).toEqual(['slow work', 'failed', 'slow answered']);
  });

  test('that SQLite rolls back by itself loses no half: a full disk fails all that were not durable', async () => {
    await add(1, null);
    const { rows } = await ask('pragma page_count');
    const pages = Number(Object.values(rows[0] ?? {})[0]);
    await ask(`pragma max_page_count = ${pages + 2}`);
    const big = transactor.transact(async (tx) => {
      for (let count = 0; count < 50; count++)
        await sql`insert into children values (${'x'.repeat(4000)}, null)`.execute(queriesOf(tx));
    });
    const settled = await outcomes([add(2, null), big, add(3, null)]);
    expect(settled[1]).toBe('store.unavailable');
    const durable = (await ids()).map((row) => Object.values(row)[0]);
    expect(durable).toEqual([1, ...settled.filter((one) => typeof one === 'number')]);
  });

  test('outlives a transaction that asks too much at once', async () => {
    const flood = transactor.transact((tx) =>
      Promise.all(
        Array.from({ length: 1500 }, (_, id) =>
          sql`insert into children values (${id}, null)`.execute(queriesOf(tx)),
        ),
      ),
    );
    expect(await outcomes([flood, add(1, null)])).toEqual(['store.busy', 1]);
    expect(await ids()).toEqual([{ id: 1 }]);
  });

  test('outlives a statement that is no SQL', async () => {
    const wrong = transactor.transact((tx) => sql`selekt`.execute(queriesOf(tx)));
    expect(await outcomes([add(1, null), wrong, add(2, null)])).toEqual([1, 'store.unavailable', 2]);
  });

  test('that is closed finishes what waits and takes nothing more', async () => {
    const waiting = [add(1, null), add(2, null)];
    const closing = transactor.close();
    expect(await outcomes([add(3, null)])).toEqual(['store.unavailable']);
    expect(await outcomes(waiting)).toEqual([1, 2]);
    await closing;
  });

  test('of a thread that ended rejects, and so does all that follows', async () => {
    await writer.close();
    expect(await outcomes([add(1, null), add(2, null)])).toEqual(['store.unavailable', 'store.unavailable']);
    expect(await outcomes([add(3, null)])).toEqual(['store.unavailable']);
  });
});

describe('the files', () => {
  test('are for their owner alone, the log included', async () => {
    writeFileSync(folder.join('records.db'), '', { mode: 0o644 });
    const storage = await openStorage({ kind: 'sqlite', folder: folder.path });
    await storage.transactor.transact(async () => {});
    for (const name of ['records.db', 'records.db-wal', 'records.db-shm']) {
      expect(statSync(folder.join(name)).mode & 0o777).toBe(0o600);
    }
    await storage.close();
  });

  test('that hold no database are refused', async () => {
    writeFileSync(folder.join('records.db'), 'this is not a database'.repeat(1000));
    const opened = openStorage({ kind: 'sqlite', folder: folder.path });
    expect(await outcomes([opened])).toEqual(['store.corrupt']);
  });

  test('of a folder that cannot be made throw', async () => {
    writeFileSync(folder.join('file'), '');
    await expect(openStorage({ kind: 'sqlite', folder: folder.join('file', 'below') })).rejects.toThrow();
  });
});
