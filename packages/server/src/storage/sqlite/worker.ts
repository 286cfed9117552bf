import { parentPort, workerData } from 'node:worker_threads';
import Sqlite from 'better-sqlite3';
import type { StatementResult } from '../statement.ts';
import type { WorkerReply, WorkerRequest, WorkerSetup } from './messages.ts';

// The entry point of a database thread: it owns one handle and runs one statement after the other. It knows nothing of
// transactions but whether one is open; what belongs together is decided by the main thread.

const preparedMax = 256;
const cacheKibibytes = 16 * 1024;
/** 16 MiB. */
const logPages = 4096;
const noTransaction = 'FLEETWARD_NO_TRANSACTION';

const port = parentPort;
if (port === null) throw new TypeError('this module is the entry point of a worker thread');
const send = (reply: WorkerReply) => port.postMessage(reply);

const database = openDatabase(workerData);
if (database !== undefined) {
  const prepared = new Map<string, Sqlite.Statement>();
  port.on('message', (request: WorkerRequest) => {
    if (request.kind === 'run') send(answer(database, prepared, request));
    else close(database, request.id);
  });
  send({ id: 0, kind: 'done', result: { rows: [], affected: 0 } });
}

function openDatabase(setup: WorkerSetup): Sqlite.Database | undefined {
  try {
    const handle = new Sqlite(setup.path, {
      fileMustExist: true,
      readonly: setup.role === 'reader',
      timeout: setup.busyTimeoutMs,
    });
    if (setup.role === 'writer') prepareToWrite(handle);
    // Held open: the operating system releases it with the process, however that ends.
    if (setup.role === 'lock') handle.exec('begin exclusive');
    return handle;
  } catch (error) {
    send(failure(0, error));
    port?.close();
    return undefined;
  }
}

function prepareToWrite(handle: Sqlite.Database): void {
  const mode = handle.pragma('journal_mode = WAL', { simple: true });
  if (mode !== 'wal') throw new TypeError('the file system of the records cannot hold a write-ahead log');
  handle.pragma('synchronous = FULL');
  // On macOS a plain fsync does not reach the disk; elsewhere this changes nothing.
  handle.pragma('fullfsync = ON');
  handle.pragma('foreign_keys = ON');
  // The keys of most indexes are hashes, so that a batch changes pages all over the file: they stay in memory, and each goes back into
  // the file once for many commits. What is committed is in the log, synced, either way.
  handle.pragma(`cache_size = -${cacheKibibytes}`);
  handle.pragma(`wal_autocheckpoint = ${logPages}`);
  // An erased payload must not stay readable in free pages.
  handle.pragma('secure_delete = ON');
}

function answer(
  handle: Sqlite.Database,
  prepared: Map<string, Sqlite.Statement>,
  request: WorkerRequest & { kind: 'run' },
): WorkerReply {
  const { id, statement, inTransaction } = request;
  if (inTransaction && !handle.inTransaction) {
    return { id, kind: 'failed', code: noTransaction, message: 'sqlite has rolled the transaction back' };
  }
  try {
    const ready = prepare(handle, prepared, statement.sql);
    return { id, kind: 'done', result: run(ready, statement.parameters) };
  } catch (error) {
    return failure(id, error);
  }
}

function prepare(handle: Sqlite.Database, prepared: Map<string, Sqlite.Statement>, sql: string) {
  const known = prepared.get(sql);
  if (known !== undefined) return known;
  const ready = handle.prepare(sql);
  if (prepared.size >= preparedMax) prepared.clear();
  prepared.set(sql, ready);
  return ready;
}

function run(statement: Sqlite.Statement, parameters: readonly unknown[]): StatementResult {
  if (!statement.reader) return { rows: [], affected: statement.run(...parameters).changes };
  const rows = statement.all(...parameters).map(withOwnBytes);
  return { rows, affected: rows.length };
}

/** Small Buffers share a pool: posting one would copy the whole pool to the other thread. */
function withOwnBytes(row: unknown): object {
  return Object.fromEntries(
    Object.entries(row ?? {}).map(([column, value]) => [
      column,
      Buffer.isBuffer(value) ? new Uint8Array(value) : value,
    ]),
  );
}

function close(handle: Sqlite.Database, id: number): void {
  handle.close();
  send({ id, kind: 'done', result: { rows: [], affected: 0 } });
  port?.close();
}

function failure(id: number, error: unknown): WorkerReply {
  const code = error instanceof Sqlite.SqliteError ? error.code : 'FLEETWARD_WORKER';
  return { id, kind: 'failed', code, message: error instanceof Error ? error.message : String(error) };
}
