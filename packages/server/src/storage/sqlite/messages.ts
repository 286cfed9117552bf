import type { Statement, StatementResult } from '../statement.ts';

/** What a worker is started with. */
export interface WorkerSetup {
  readonly path: string;
  /** `lock` holds the file for itself until the process ends, and answers nothing else. */
  readonly role: 'writer' | 'reader' | 'lock';
  readonly busyTimeoutMs: number;
}

/** From the main thread to a worker. */
export type WorkerRequest =
  | {
      readonly id: number;
      readonly kind: 'run';
      readonly statement: Statement;
      /** The statement belongs to a transaction: refuse it when SQLite has none open (it may have rolled back by itself). */
      readonly inTransaction: boolean;
    }
  | { readonly id: number; readonly kind: 'close' };

/** From a worker to the main thread; `id` is 0 for the answer to its start. */
export type WorkerReply =
  | { readonly id: number; readonly kind: 'done'; readonly result: StatementResult }
  | {
      readonly id: number;
      readonly kind: 'failed';
      /** SQLite's extended result code by name, such as `SQLITE_CONSTRAINT_UNIQUE`. */
      readonly code: string;
      readonly message: string;
    };
