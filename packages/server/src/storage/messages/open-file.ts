import Sqlite from 'better-sqlite3';
import { migrations } from './migrations.ts';
import { FOREIGN, type MessageThreadSetup, NEWER } from './requests.ts';

// "FwMs" in the file's header: no other program's database, and not records.db, is taken for this one.
const applicationId = 0x46774d73;
const pageBytes = 4096;

/** A file that is refused; `code` as in a `failed` reply. */
export class MessageFileRefused extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Opens the file, refuses a damaged, foreign or newer one, and brings its schema up to date. */
export function openMessageFile(setup: MessageThreadSetup): Sqlite.Database {
  const handle = new Sqlite(setup.path, { fileMustExist: true, timeout: setup.busyTimeoutMs });
  try {
    assertWhole(handle);
    prepareToWrite(handle, setup);
    handle.transaction(() => migrate(handle)).immediate();
    return handle;
  } catch (error) {
    handle.close();
    throw error;
  }
}

function assertWhole(handle: Sqlite.Database): void {
  const found = handle.pragma('quick_check(1)', { simple: true });
  if (found !== 'ok') throw new MessageFileRefused('SQLITE_CORRUPT', String(found).replaceAll(/\s+/g, ' '));
}

function prepareToWrite(handle: Sqlite.Database, setup: MessageThreadSetup): void {
  handle.pragma(`page_size = ${pageBytes}`);
  const mode = handle.pragma('journal_mode = WAL', { simple: true });
  if (mode !== 'wal') throw new TypeError('its file system cannot hold a write-ahead log');
  handle.pragma(`synchronous = ${setup.synchronous}`);
  // On macOS a plain fsync does not reach the disk; elsewhere this changes nothing.
  handle.pragma('fullfsync = ON');
  // What was delivered must not stay readable in free pages; measured, it costs nothing here.
  handle.pragma('secure_delete = ON');
  handle.pragma(`wal_autocheckpoint = ${Math.ceil(setup.checkpointBytes / pageBytes)}`);
  // A log that one large burst made long is cut back.
  handle.pragma(`journal_size_limit = ${setup.checkpointBytes}`);
}

function migrate(handle: Sqlite.Database): void {
  const current = Number(handle.pragma('user_version', { simple: true }));
  const tables = Number(handle.prepare('select count(*) from sqlite_schema').pluck().get());
  const isOurs = handle.pragma('application_id', { simple: true }) === applicationId;
  if (tables > 0 && !isOurs) throw new MessageFileRefused(FOREIGN, 'it holds another database');
  if (current > migrations.length) throw newer(current);
  for (const step of migrations.slice(current)) handle.exec(step);
  handle.pragma(`application_id = ${applicationId}`);
  handle.pragma(`user_version = ${migrations.length}`);
}

function newer(current: number): MessageFileRefused {
  return new MessageFileRefused(
    NEWER,
    `it has schema version \`${current}\`, this program knows up to \`${migrations.length}\``,
  );
}
