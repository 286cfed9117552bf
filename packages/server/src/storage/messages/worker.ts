import { parentPort, workerData } from 'node:worker_threads';
import type { StoreChange } from '@fleetward/mqtt';
import Sqlite from 'better-sqlite3';
import { ChangeApplier } from './apply-changes.ts';
import { readChange } from './change-codec.ts';
import { MessageFileRefused, openMessageFile } from './open-file.ts';
import { PackedReader, type PackedWriter } from './packed-bytes.ts';
import { readNumbers, readPages, removeOrphans } from './read-state.ts';
import type { MessageFileFigures, MessageThreadReply, MessageThreadRequest } from './requests.ts';

// The entry point of the thread of `messages.db`: it owns the one handle, answers one request after the other, and writes a
// batch in one transaction, with one fsync.

const port = parentPort;
if (port === null) throw new TypeError('this module is the entry point of a worker thread');

let database: Sqlite.Database | undefined;
let applier: ChangeApplier | undefined;
/** Made once: it is asked after each batch. */
let fileBytes: Sqlite.Statement | undefined;
let pages: Generator<PackedWriter> | undefined;

try {
  database = openMessageFile(workerData);
  send({ kind: 'opened' });
  port.on('message', (request: MessageThreadRequest) => answer(request));
} catch (error) {
  send(failure(error));
}

function answer(request: MessageThreadRequest): void {
  try {
    if (request.kind === 'commit') commit(request);
    else if (request.kind === 'load') loadPage();
    else close();
  } catch (error) {
    send(failure(error));
  }
}

function loadPage(): void {
  const handle = opened(database);
  if (pages === undefined) removeOrphans(handle);
  pages ??= readPages(handle);
  const next = pages.next();
  if (next.done !== true) {
    const { buffer, length } = next.value;
    send({ kind: 'page', buffer, length }, [buffer]);
    return;
  }
  applier = new ChangeApplier(handle);
  fileBytes = handle
    .prepare('select page_count * page_size from pragma_page_count, pragma_page_size')
    .pluck();
  send({ kind: 'loaded', ...readNumbers(handle), figures: figures() });
}

function commit({ buffer, length }: MessageThreadRequest & { kind: 'commit' }): void {
  const reader = new PackedReader(new Uint8Array(buffer, 0, length));
  const changes: StoreChange[] = [];
  while (!reader.isAtEnd) changes.push(readChange(reader));
  if (!hasRoomFor(changes)) {
    send({ kind: 'full' });
    return;
  }
  send({ kind: 'committed', buffer, figures: figures() }, [buffer]);
}

/** Writes them; false where the disk has no room for that, and the transaction was undone whole. */
function hasRoomFor(changes: readonly StoreChange[]): boolean {
  try {
    opened(applier).apply(changes);
    return true;
  } catch (error) {
    if (!isDiskFull(error) || opened(database).inTransaction) throw error;
    shortenLog();
    return false;
  }
}

/** SQLite needs room for its log and for the index of that. */
function isDiskFull(error: unknown): boolean {
  return error instanceof Sqlite.SqliteError && /^SQLITE_(FULL|IOERR_SHMSIZE)$/.test(error.code);
}

/** What is in the log may have room in the file, and the log's own room is free then. */
function shortenLog(): void {
  try {
    opened(database).pragma('wal_checkpoint(TRUNCATE)');
  } catch (error) {
    if (!isDiskFull(error)) throw error;
  }
}

function close(): void {
  pages?.return(undefined);
  database?.close();
  send({ kind: 'closed' });
  port?.close();
}

function figures(): MessageFileFigures {
  return { messages: opened(applier).messageCount, fileBytes: Number(opened(fileBytes).get()) };
}

function opened<Part>(part: Part | undefined): Part {
  if (part === undefined) throw new TypeError('nothing is committed before the state was loaded');
  return part;
}

function send(reply: MessageThreadReply, transfer: readonly ArrayBuffer[] = []): void {
  port?.postMessage(reply, transfer);
}

function failure(error: unknown): MessageThreadReply {
  const isKnown = error instanceof Sqlite.SqliteError || error instanceof MessageFileRefused;
  const message = error instanceof Error ? error.message : String(error);
  return { kind: 'failed', code: isKnown ? error.code : 'FLEETWARD_WORKER', message };
}
