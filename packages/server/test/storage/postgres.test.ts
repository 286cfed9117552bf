import { readFileSync, writeFileSync } from 'node:fs';
import { parsePolicyName } from '@fleetward/core';
import { needs, type Postgres, startPgBouncer, startPostgres } from '@fleetward/testkit';
import { sql } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStorage, type Storage } from '../../src/storage/index.ts';
import { queriesOf } from '../../src/storage/open-transaction.ts';
import { outcomes } from './suite/backend.ts';
import { describeStores } from './suite/suite.ts';

needs('initdb', 'postgresql').describe('stores on PostgreSQL', () => {
  let server: Postgres;
  let databases = 0;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  async function ask(statement: string): Promise<unknown[]> {
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    const { rows } = await client.query(statement);
    await client.end();
    return rows;
  }

  async function createDatabase(): Promise<string> {
    const name = `suite_${++databases}`;
    await ask(`create database ${name}`);
    return server.url.replace('/postgres?', `/${name}?`);
  }

  async function createHome() {
    const url = await createDatabase();
    const limits = { connectionsMax: 5, transactionMs: 2000, transactionsPendingMax: 100 };
    return { open: () => openStorage({ ...server.storage, url, ...limits }), remove: async () => {} };
  }

  describeStores(createHome);

  test('a deadlock costs one transaction, which is told to try again', async () => {
    const storage = await (await createHome()).open();
    const { policies } = storage.stores;
    const [a, b] = [parsePolicyName('a'), parsePolicyName('b')];
    for (const name of [a, b]) {
      const version = { name, versionId: 1, document: '{}', createdAtMs: 1 };
      await storage.transactor.transact((tx) =>
        policies.add(tx, { name, defaultVersionId: 1, createdAtMs: 1 }, version),
      );
    }
    let inside = 0;
    let goOn: () => void = () => {};
    const bothInside = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const lock = (first: typeof a, second: typeof a) =>
      storage.transactor.transact(async (tx) => {
        await policies.lastVersionId(tx, first);
        if (++inside === 2) goOn();
        await bothInside;
        await policies.lastVersionId(tx, second);
        return 'done';
      });
    const settled = await outcomes([lock(a, b), lock(b, a)]);
    expect([...settled].sort()).toEqual(['done', 'store.busy']);
    await storage.close();
  });

  test('a connection that the server cuts fails its transaction alone', async () => {
    const storage = await (await createHome()).open();
    const cut = storage.transactor.transact(async (tx) => {
      const backend = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(queriesOf(tx));
      await ask(`select pg_terminate_backend(${backend.rows[0]?.pid})`);
      await sql`select 1`.execute(queriesOf(tx));
    });
    const other = storage.transactor.transact(async () => 'done');
    expect(await outcomes([cut, other])).toEqual(['store.unavailable', 'done']);
    expect(await storage.transactor.transact(async () => 'again')).toBe('again');
    await storage.close();
  });

  test('a transaction that takes too long in one statement ends when it should, and so does the statement', async () => {
    const limits = { connectionsMax: 1, transactionMs: 300, statementMs: 600_000 };
    const storage = await openStorage({ ...server.storage, url: await createDatabase(), ...limits });
    const stuck = storage.transactor.transact((tx) => sql`select pg_sleep(500)`.execute(queriesOf(tx)));
    await expect(stuck).rejects.toMatchObject({
      code: 'store.busy',
      message: expect.stringContaining('`300` ms'),
    });
    const sleeping = "select 1 from pg_stat_activity where state = 'active' and query like '%pg_sleep(5%'";
    expect(await ask(`${sleeping} and pid <> pg_backend_pid()`)).toEqual([]);
    expect(await storage.transactor.transact(async () => 'again')).toBe('again');
    await storage.close();
  });

  describe('a COMMIT', () => {
    /** Runs the statement at the COMMIT of each insert into `watched`, as a deferred trigger does. */
    async function openWithTrigger(statement: string) {
      const storage = await (await createHome()).open();
      await storage.transactor.transact(async (tx) => {
        const queries = queriesOf(tx);
        await sql`create table watched (id integer)`.execute(queries);
        const body = `create function at_commit() returns trigger language plpgsql as $$ begin ${statement}; return null; end $$`;
        await sql.raw(body).execute(queries);
        await sql`create constraint trigger watch after insert on watched deferrable initially deferred for each row execute function at_commit()`.execute(
          queries,
        );
      });
      const insert = () =>
        storage.transactor.transact((tx) => sql`insert into watched values (1)`.execute(queriesOf(tx)));
      let lost: unknown;
      void storage.lost.then((error) => {
        lost = error;
      });
      return { storage, insert, lost: () => lost };
    }

    test('whose answer is lost makes the storage lost: what it holds is not known', async () => {
      const { storage, insert, lost } = await openWithTrigger(
        'perform pg_terminate_backend(pg_backend_pid())',
      );
      expect(await outcomes([insert()])).toEqual(['store.unavailable']);
      await storage.lost;
      expect(lost()).toMatchObject({
        code: 'store.unavailable',
        message: expect.stringContaining('COMMIT was lost'),
      });
      await storage.close();
    });

    test('that the server refuses costs its transaction alone', async () => {
      const { storage, insert, lost } = await openWithTrigger("raise exception 'no' using errcode = '23514'");
      expect(await outcomes([insert()])).toEqual(['store.corrupt']);
      expect(await storage.transactor.transact(async () => 'again')).toBe('again');
      expect(lost()).toBeUndefined();
      await storage.close();
    });
  });

  describe('what is committed is on the disk', () => {
    const synchronousCommit = (storage: Storage) =>
      storage.transactor.transact(async (tx) => {
        const shown = await sql<{ value: string }>`
          select current_setting('synchronous_commit') as value`.execute(queriesOf(tx));
        return shown.rows[0]?.value;
      });

    test.each([
      ['the database', (name: string) => `alter database ${name} set synchronous_commit = off`, ''],
      [
        'the role',
        (name: string) => `alter role postgres in database ${name} set synchronous_commit = off`,
        '',
      ],
      ['the address', () => 'select 1', `&options=${encodeURIComponent('-c synchronous_commit=off')}`],
    ])('where `synchronous_commit` is off by %s', async (_, statement, options) => {
      const url = await createDatabase();
      await ask(statement(`suite_${databases}`));
      const storage = await openStorage({ ...server.storage, url: `${url}${options}` });
      expect(await synchronousCommit(storage)).toBe('on');
      await storage.close();
    });

    test('where the server turns `synchronous_commit` off under a connection', async () => {
      const storage = await openStorage({
        ...server.storage,
        url: await createDatabase(),
        connectionsMax: 1,
      });
      await ask('alter system set synchronous_commit = off');
      await ask('select pg_reload_conf()');
      await expect.poll(() => ask('show synchronous_commit')).toEqual([{ synchronous_commit: 'off' }]);
      expect(await synchronousCommit(storage)).toBe('on');
      await ask('alter system reset synchronous_commit');
      await storage.close();
    });

    test('and a wish for more than that is kept', async () => {
      const url = await createDatabase();
      await ask(`alter database suite_${databases} set synchronous_commit = remote_apply`);
      const storage = await openStorage({ ...server.storage, url });
      expect(await synchronousCommit(storage)).toBe('remote_apply');
      await storage.close();
    });

    test('or the start is refused, but where the settings say that it need not be', async () => {
      const { url } = server;
      await expect(openStorage({ kind: 'postgres', url })).rejects.toMatchObject({
        code: 'store.not_durable',
        message: expect.stringMatching(/`fsync`.*`full_page_writes`.*command line.*storage\.mayBeOff/),
      });
      await expect(openStorage({ kind: 'postgres', url, mayBeOff: ['fsync'] })).rejects.toMatchObject({
        code: 'store.not_durable',
        message: expect.not.stringContaining('`fsync`'),
      });
    });
  });

  needs('pgbouncer', 'pgbouncer').describe('through PgBouncer', () => {
    test.each([
      ['transaction', []],
      ['transaction', ['ignore_startup_parameters = statement_timeout,idle_in_transaction_session_timeout']],
      ['transaction', ['default_pool_size = 1']],
      ['transaction', ['server_round_robin = 1', 'min_pool_size = 2']],
      ['transaction', ['server_round_robin = 1', 'min_pool_size = 3']],
      ['statement', []],
    ])('with pool_mode = %s %j the start is refused: sessions are not kept apart', async (mode, more) => {
      await using bouncer = await startPgBouncer(server, [`pool_mode = ${mode}`, ...more]);
      await expect(openStorage({ ...server.storage, url: bouncer.url })).rejects.toMatchObject({
        code: 'store.session_shared',
        message: expect.stringContaining('`pool_mode = session`'),
      });
    });

    test('with fewer connections than the pool of the platform it is told that more are needed', async () => {
      await using bouncer = await startPgBouncer(server, ['pool_mode = session', 'default_pool_size = 3']);
      const limits = { connectionsMax: 5, connectMs: 500, statementMs: 500 };
      const storage = await openStorage({ ...server.storage, url: bouncer.url, ...limits });
      const held = Promise.withResolvers<void>();
      const transactions = Array.from({ length: 6 }, () =>
        storage.transactor.transact(async () => held.promise).catch(({ message }: Error) => message),
      );
      expect(await Promise.race(transactions)).toMatch(
        /PgBouncer: `pool_size`.*`storageLimits.connectionsMax`/,
      );
      held.resolve();
      await Promise.all(transactions);
      await storage.close();
    });

    test('with pool_mode = session each session has what the platform sets, and a late statement ends', async () => {
      await using bouncer = await startPgBouncer(server, ['pool_mode = session', 'default_pool_size = 6']);
      await createDatabase();
      const name = `suite_${databases}`;
      await ask(`alter database ${name} set synchronous_commit = off`);
      const url = bouncer.url.replace('/postgres?', `/${name}?`);
      const limits = { connectionsMax: 4, transactionMs: 300, statementMs: 60_000 };
      const storage = await openStorage({ ...server.storage, url, ...limits });
      const shown = await Promise.all(
        Array.from({ length: 12 }, () =>
          storage.transactor.transact(async (tx) => {
            const { rows } = await sql`
              select name, setting from pg_settings where name like '%timeout' and setting <> '0'
              or name = 'synchronous_commit' order by name`.execute(queriesOf(tx));
            return rows;
          }),
        ),
      );
      for (const rows of shown)
        expect(rows).toEqual(
          expect.arrayContaining([
            { name: 'idle_in_transaction_session_timeout', setting: '60300' },
            { name: 'statement_timeout', setting: '60000' },
            { name: 'synchronous_commit', setting: 'on' },
          ]),
        );
      const stuck = storage.transactor.transact((tx) => sql`select pg_sleep(400)`.execute(queriesOf(tx)));
      await expect(stuck).rejects.toMatchObject({ code: 'store.busy' });
      expect(
        await ask(
          "select 1 from pg_stat_activity where state = 'active' and query like '%pg_sleep(4%' and pid <> pg_backend_pid()",
        ),
      ).toEqual([]);
      await storage.close();
    });
  });

  test('a connection that is refused says by what setting, and what to do, and not the password', async () => {
    await ask("create role guarded login password 'right'");
    const [hba] = (await ask('show hba_file')) as [{ hba_file: string }];
    writeFileSync(hba.hba_file, `local all guarded scram-sha-256\n${readFileSync(hba.hba_file, 'utf8')}`);
    await ask('select pg_reload_conf()');
    const as = (user: string) => server.url.replace('postgres@', `${user}@`);
    const why = async (url: string) => {
      const failure = openStorage({ ...server.storage, url }).then(async (storage) => storage.close());
      return failure.then(String, ({ message }: Error) => message);
    };
    await expect
      .poll(() => why(as('guarded')), { timeout: 20_000 })
      .toMatch(/asks for a password and `storage.url` has none/);
    const wrong = await why(as('guarded:s3cret'));
    expect(wrong).toMatch(/password authentication failed .*; user and password of `storage.url`/);
    expect(wrong).not.toContain('s3cret');
    const nowhere = as('guarded:right').replace('/postgres?', '/nowhere?');
    expect(await why(nowhere)).toMatch(
      /"nowhere" does not exist; make the database that `storage.url` names/,
    );
    for (const host of ['127.0.0.1', 'localhost']) {
      const closed = await why(`postgres://guarded:s3cret@${host}:1/postgres`);
      expect(closed).toMatch(/ECONNREFUSED .*:1\b.*; nothing listens at the host and port of `storage.url`/);
      expect(closed).not.toContain('s3cret');
    }
  });

  test('a server that cannot be reached is `store.unavailable`', async () => {
    const url = server.url.replace(/host=.*/, 'host=%2Fnowhere');
    expect(await outcomes([openStorage({ kind: 'postgres', url })])).toEqual(['store.unavailable']);
  });
});
