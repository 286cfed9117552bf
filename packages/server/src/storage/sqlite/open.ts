import { join } from 'node:path';
import type { Database } from '../database.ts';
import { migrate, migrationMs } from '../migrate.ts';
import { queriesOver, type Statement } from '../statement.ts';
import { GroupCommit, type GroupLimits } from './group-commit.ts';
import { createPrivateFile, syncLog } from './private-file.ts';
import { WorkerClient } from './worker-client.ts';

export interface SqliteConfig extends Partial<GroupLimits> {
  readonly kind: 'sqlite';
  /** Holds `records.db`; messages get a file of their own beside it. Made with mode 0700 when it is missing. */
  readonly folder: string;
  /** Threads that read. Default 2. */
  readonly readers?: number;
  /** How long SQLite waits for another process's lock. Default 5000. */
  readonly busyTimeoutMs?: number;
  /** Statements that may wait for one thread. Default 10000. */
  readonly statementsPendingMax?: number;
}

const defaults = {
  readers: 2,
  busyTimeoutMs: 5000,
  statementsPendingMax: 10_000,
  groupTransactionsMax: 64,
  groupMs: 50,
  transactionMs: 5000,
  transactionsPendingMax: 1024,
};

/** Embedded storage: every database handle lives in a worker thread, one that writes and a few that read. */
export async function openSqlite(config: SqliteConfig): Promise<Database> {
  const settings = { ...defaults, ...config };
  const path = join(config.folder, 'records.db');
  createPrivateFile(config.folder, path); // SQLite gives its log and index files the same mode.
  syncLog(path);
  const open = (role: 'writer' | 'reader') =>
    WorkerClient.open({ path, role, busyTimeoutMs: settings.busyTimeoutMs }, settings);

  const writer = await open('writer');
  const transactor = new GroupCommit(writer, settings);
  const readers: WorkerClient[] = [];
  const close = async () => {
    await transactor.close();
    await Promise.all(readers.map((reader) => reader.close()));
    // Last: the handle that closes last writes the log back into the database.
    await writer.close();
  };
  const run = (statement: Statement) => leastBusy(readers).run(statement, { inTransaction: false });
  const opened = { kind: 'sqlite', transactor, reads: queriesOver(run, 'sqlite'), close } as const;
  try {
    const patient = new GroupCommit(writer, { ...settings, transactionMs: migrationMs });
    await migrate({ kind: 'sqlite', transactor: patient });
    for (let count = 0; count < settings.readers; count++) readers.push(await open('reader'));
  } catch (cause) {
    await close();
    throw cause;
  }
  const lost = Promise.race([transactor, writer, ...readers].map((part) => part.lost));
  return { ...opened, lost };
}

function leastBusy(readers: readonly WorkerClient[]): WorkerClient {
  const [first, ...others] = readers;
  if (first === undefined) throw new RangeError('at least one reader is needed');
  return others.reduce((least, reader) => (reader.pending < least.pending ? reader : least), first);
}
