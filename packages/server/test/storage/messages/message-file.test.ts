import { chmodSync, copyFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { StoreChange } from '@fleetward/mqtt';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { migrations } from '../../../src/storage/messages/migrations.ts';
import { openMessages } from '../../../src/storage/messages/open.ts';

let folder: TemporaryFolder;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

const rows: readonly StoreChange[] = Array.from({ length: 2000 }, (_, index) => ({
  kind: 'retained',
  topic: `topic/${index}`,
  packet: Buffer.alloc(100, index),
  qos: 1,
  expiresAtMs: 0,
  owner: 'thing:pump',
}));

async function fill(): Promise<void> {
  const store = await openMessages({ folder: folder.path });
  await store.load();
  await store.commit(rows);
  await store.close();
}

describe('messages.db', () => {
  test('and what SQLite makes beside it are its owner’s alone', async () => {
    writeFileSync(folder.join('messages.db'), '');
    chmodSync(folder.join('messages.db'), 0o644);
    const store = await openMessages({ folder: folder.path });
    await store.load();
    await store.commit(rows);
    const modes = readdirSync(folder.path).map((name) => [name, statSync(folder.join(name)).mode & 0o777]);
    await store.close();
    expect(Object.fromEntries(modes)).toEqual({
      'messages.db': 0o600,
      'messages.db-wal': 0o600,
      'messages.db-shm': 0o600,
    });
  });

  test('that is damaged is refused, with what to do', async () => {
    await fill();
    const bytes = readFileSync(folder.join('messages.db'));
    for (const damaged of [bytes.fill(0xa5, 8192, bytes.length - 8192), Buffer.alloc(5000, 'no database')]) {
      writeFileSync(folder.join('messages.db'), damaged);
      await expect(openMessages({ folder: folder.path })).rejects.toMatchObject({
        code: 'store.corrupt',
        message: expect.stringMatching(/messages\.db` is damaged: .*restore it from a backup, or move it/),
      });
    }
  });

  test('of the first schema is taken up: nobody pays for the retained messages in it', async () => {
    const handle = new Sqlite(folder.join('messages.db'));
    handle.exec(migrations[0]!);
    handle.pragma(`application_id = ${0x46774d73}`);
    handle.pragma('user_version = 1');
    handle.exec("insert into retained (topic, qos, expires_at_ms, packet) values ('t', 1, 0, x'30')");
    handle.close();
    const store = await openMessages({ folder: folder.path });
    const { retained } = await store.load();
    await store.close();
    expect(retained).toEqual([{ topic: 't', qos: 1, expiresAtMs: 0, owner: '', packet: Buffer.of(0x30) }]);
  });

  test('that a newer Fleetward wrote is refused', async () => {
    await fill();
    const handle = new Sqlite(folder.join('messages.db'));
    handle.pragma('user_version = 99');
    handle.close();
    await expect(openMessages({ folder: folder.path })).rejects.toMatchObject({
      code: 'store.newer',
      message: expect.stringMatching(/schema version `99`, this program knows up to `\d+`/),
    });
  });

  test('that is another database is refused and left as it is', async () => {
    const handle = new Sqlite(folder.join('records.db'));
    handle.exec('create table things (name text)');
    handle.close();
    copyFileSync(folder.join('records.db'), folder.join('messages.db'));
    await expect(openMessages({ folder: folder.path })).rejects.toMatchObject({
      code: 'store.corrupt',
      message: expect.stringContaining('holds another database'),
    });
    const left = new Sqlite(folder.join('messages.db'));
    expect(left.prepare('select name from sqlite_schema').pluck().all()).toEqual(['things']);
    left.close();
  });

  test('that another program has locked is refused, and not waited for without end', async () => {
    await fill();
    const handle = new Sqlite(folder.join('messages.db'));
    handle.exec('begin immediate');
    await expect(openMessages({ folder: folder.path, busyTimeoutMs: 50 })).rejects.toMatchObject({
      code: 'store.busy',
      message: expect.stringContaining('another program has locked'),
    });
    handle.close();
  });
});

test('figures count what is stored and what was committed', async () => {
  const store = await openMessages({ folder: folder.path });
  await store.load();
  await store.commit([
    { kind: 'message', message: 1, packet: Buffer.from('a'), expiresAtMs: 0 },
    { kind: 'message', message: 2, packet: Buffer.from('b'), expiresAtMs: 0 },
  ]);
  await store.commit([
    { kind: 'message-gone', message: 1 },
    { kind: 'message-gone', message: 77 },
  ]);
  expect(store.figures()).toMatchObject({ messages: 1, commits: 2, changes: 4 });
  const { fileBytes, committedBytes, commitSeconds, commitSecondsMax } = store.figures();
  expect(fileBytes).toBeGreaterThan(4096);
  expect(committedBytes).toBeGreaterThan(50);
  expect(commitSeconds).toBeGreaterThanOrEqual(commitSecondsMax);
  await store.close();
});

test('a thread that ended is lost, and nothing is committed any more', async () => {
  const threads: { threadName: string | null; terminate(): Promise<number> }[] = [];
  const collect = (worker: (typeof threads)[number]): void => void threads.push(worker);
  process.on('worker', collect);
  const store = await openMessages({ folder: folder.path });
  process.off('worker', collect);
  await store.load();
  await threads.find(({ threadName }) => threadName === 'sqlite-messages')?.terminate();
  expect(await store.lost).toMatchObject({ code: 'store.unavailable' });
  await expect(store.commit(rows)).rejects.toMatchObject({ code: 'store.unavailable' });
  await store.close();
});
