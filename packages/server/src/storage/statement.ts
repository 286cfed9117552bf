import {
  type DatabaseConnection,
  type Dialect,
  type DialectAdapter,
  Kysely,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import type { Schema } from './schema.ts';

export type DatabaseKind = 'sqlite' | 'postgres';

/** One compiled SQL statement. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

export interface StatementResult {
  readonly rows: readonly object[];
  /** Rows inserted, changed or removed. */
  readonly affected: number;
}

/** Runs one statement somewhere: in a worker, on a pooled connection, in an open transaction. Rejects with a `StoreError`. */
export type RunStatement = (statement: Statement) => Promise<StatementResult>;

/** Kysely's query builder over `run`; it opens no connection and begins no transaction of its own. */
export function queriesOver(run: RunStatement, kind: DatabaseKind): Kysely<Schema> {
  const connection = new StatementConnection(run);
  return new Kysely<Schema>({ dialect: dialectOver(connection, kind) });
}

class StatementConnection implements DatabaseConnection {
  readonly #run: RunStatement;

  constructor(run: RunStatement) {
    this.#run = run;
  }

  async executeQuery<Row>(query: Statement) {
    const result = await this.#run(query);
    // Kysely leaves the type of rows to its driver; `Schema` says what they are.
    return { rows: result.rows as Row[], numAffectedRows: BigInt(result.affected) };
  }

  streamQuery(): never {
    throw refused('streaming');
  }
}

function dialectOver(connection: DatabaseConnection, kind: DatabaseKind): Dialect {
  const sqlite = kind === 'sqlite';
  return {
    createAdapter: () => adapter,
    createQueryCompiler: () => (sqlite ? new SqliteQueryCompiler() : new PostgresQueryCompiler()),
    createIntrospector: (db) => (sqlite ? new SqliteIntrospector(db) : new PostgresIntrospector(db)),
    createDriver: () => ({
      init: async () => {},
      acquireConnection: async () => connection,
      beginTransaction: refuseTransaction,
      commitTransaction: refuseTransaction,
      rollbackTransaction: refuseTransaction,
      releaseConnection: async () => {},
      destroy: async () => {},
    }),
  };
}

const adapter: DialectAdapter = {
  supportsCreateIfNotExists: true,
  supportsTransactionalDdl: true,
  supportsReturning: true,
  // `run` queues by itself; Kysely's own mutex would only serialise the readers.
  supportsMultipleConnections: true,
  supportsOutput: false,
  acquireMigrationLock: async () => {},
  releaseMigrationLock: async () => {},
};

async function refuseTransaction(): Promise<never> {
  throw refused('a transaction of Kysely');
}

function refused(what: string): TypeError {
  return new TypeError(`${what} is not available here: use the Transactor`);
}
