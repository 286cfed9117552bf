import pg from 'pg';
import { StoreError } from '../../store-error.ts';
import type { Database } from '../database.ts';
import { migrate, migrationMs } from '../migrate.ts';
import { queriesOver, type Statement } from '../statement.ts';
import { assertOwnSessions, sessionStarter } from './sessions.ts';
import { assertSyncs, type SyncSetting } from './syncs.ts';
import { PostgresTransactor, statementsOn, type TransactionLimits } from './transactor.ts';
import { columnParsers } from './types.ts';

export interface PostgresConfig extends Partial<TransactionLimits> {
  readonly kind: 'postgres';
  /** `postgres://user:password@host:port/database?sslmode=verify-full`. */
  readonly url: string;
  /** Settings of the server that may be off though what is committed may then be gone after a power cut. Default none. */
  readonly mayBeOff?: readonly SyncSetting[];
  /** Connections at most. Default 10. */
  readonly connectionsMax?: number;
  /** How long to wait for a connection. Default 5000. */
  readonly connectMs?: number;
  /** A statement, a wait for a lock included, is given up after this time. Default 5000. */
  readonly statementMs?: number;
  /** Reads outside transactions that may wait for a connection. Default 10000. */
  readonly statementsPendingMax?: number;
}

const defaults = {
  mayBeOff: [] as readonly SyncSetting[],
  connectionsMax: 10,
  connectMs: 5000,
  statementMs: 5000,
  statementsPendingMax: 10_000,
  transactionMs: 5000,
  transactionsPendingMax: 1024,
};

/**
 * Storage in PostgreSQL 13 or newer. Throws `store.not_durable` for a server that does not sync what it commits, `store.session_shared` for a
 * pooler before it that does not keep sessions apart.
 */
export async function openPostgres(config: PostgresConfig): Promise<Database> {
  const settings = { ...defaults, ...config };
  const pool = createPool(settings);
  const reads = queriesOver(boundedReads(pool, settings.statementsPendingMax), 'postgres');
  const transactor = new PostgresTransactor(pool, settings);
  const close = async () => {
    await transactor.close();
    await pool.end();
  };
  const { lost } = transactor;
  const database: Database = { kind: 'postgres', transactor, reads, lost, close };
  try {
    await assertOwnSessions(pool.options);
    await assertSyncs(pool, settings.mayBeOff);
    await migratePatiently(settings);
  } catch (cause) {
    await database.close();
    throw cause;
  }
  return database;
}

/** On a connection of its own, where nothing is given up as soon as elsewhere. */
async function migratePatiently(settings: typeof defaults & { readonly url: string }): Promise<void> {
  const patient = { ...settings, connectionsMax: 1, statementMs: migrationMs, transactionMs: migrationMs };
  const pool = createPool(patient);
  try {
    await migrate({ kind: 'postgres', transactor: new PostgresTransactor(pool, patient) });
  } finally {
    await pool.end();
  }
}

function createPool(settings: typeof defaults & { readonly url: string }): pg.Pool {
  const pool = new pg.Pool({
    connectionString: settings.url,
    max: settings.connectionsMax,
    connectionTimeoutMillis: settings.connectMs,
    // The driver's own limit, for a server that no longer answers at all.
    query_timeout: settings.statementMs + 1000,
    types: columnParsers,
    onConnect: sessionStarter({
      statementMs: settings.statementMs,
      idleInTransactionMs: settings.transactionMs + settings.statementMs,
    }),
    application_name: 'fleetward',
  });
  // A lost connection also fails the statement that used it; without listeners the event alone would end the process.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

function boundedReads(pool: pg.Pool, pendingMax: number) {
  const run = statementsOn(pool);
  return (statement: Statement) => {
    if (pool.waitingCount < pendingMax) return run(statement);
    const message = `more than \`${pendingMax}\` statements wait for the database: try again later`;
    return Promise.reject(new StoreError('store.busy', message));
  };
}
