import { join } from 'node:path';
import { temporaryFolder } from '@fleetward/testkit';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { openStorage } from '../../src/storage/index.ts';
import { migrate } from '../../src/storage/migrate.ts';
import { migrations } from '../../src/storage/migrations/index.ts';
import { queriesOf } from '../../src/storage/open-transaction.ts';
import { GroupCommit } from '../../src/storage/sqlite/group-commit.ts';
import { createPrivateFile } from '../../src/storage/sqlite/private-file.ts';
import { WorkerClient } from '../../src/storage/sqlite/worker-client.ts';
import { certificateIdOf } from './suite/backend.ts';

test('what waited for the issuance log before schema 22 waits after it', async () => {
  using folder = temporaryFolder();
  const certificateIds = ['first', 'second'].map(certificateIdOf);
  await withSchema(folder.path, 21, async (transactor) => {
    await transactor.transact(async (tx) => {
      for (const [at, id] of certificateIds.entries())
        await sql`insert into issuance_log_pending (certificate_id, since_ms) values (${id}, ${7 + at})`.execute(
          queriesOf(tx),
        );
    });
  });
  const storage = await openStorage({ kind: 'sqlite', folder: folder.path });
  const { issuanceLog } = storage.stores;
  const waiting = await storage.transactor.transact((tx) => issuanceLog.pending(tx, 10));
  await storage.close();
  expect(waiting).toEqual(certificateIds.map((certificateId, at) => ({ sinceMs: 7 + at, certificateId })));
});

test('a schema that takes longer than a transaction may is brought up to date all the same', async () => {
  using folder = temporaryFolder();
  const storage = await openStorage({ kind: 'sqlite', folder: folder.path, transactionMs: 1 });
  await storage.close();
});

/** The records as a program had them that knew `version` migrations. */
async function withSchema(
  folder: string,
  version: number,
  work: (transactor: GroupCommit) => Promise<void>,
): Promise<void> {
  const path = join(folder, 'records.db');
  createPrivateFile(folder, path);
  const setup = { path, role: 'writer', busyTimeoutMs: 1000 } as const;
  const writer = await WorkerClient.open(setup, { statementsPendingMax: 100 });
  const limits = { groupTransactionsMax: 1, groupMs: 50, transactionMs: 5000, transactionsPendingMax: 10 };
  const transactor = new GroupCommit(writer, limits);
  await migrate({ kind: 'sqlite', transactor }, migrations.slice(0, version));
  await work(transactor);
  await transactor.close();
  await writer.close();
}
