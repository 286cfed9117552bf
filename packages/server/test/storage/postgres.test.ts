import { needs, type Postgres, startPostgres } from '@fleetward/testkit';
import pg from 'pg';
import { afterAll, beforeAll } from 'vitest';
import { openStorage } from '../../src/storage/index.ts';
import { describeStores } from './suite/suite.ts';

needs('initdb', 'postgresql').describe('stores on PostgreSQL', () => {
  let server: Postgres;
  let databases = 0;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());

  describeStores(async () => {
    const name = `suite_${++databases}`;
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    await client.query(`create database ${name}`);
    await client.end();
    const storage = await openStorage({
      kind: 'postgres',
      url: server.url.replace('/postgres?', `/${name}?`),
      connectionsMax: 5,
      transactionMs: 2000,
      transactionsPendingMax: 100,
    });
    return { storage, remove: () => storage.close() };
  });
});
