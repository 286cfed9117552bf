import { Worker } from 'node:worker_threads';
import { bareThread } from '../../bare-thread.ts';
import { StoreError } from '../../store-error.ts';
import type { Statement, StatementResult } from '../statement.ts';
import { sqliteError } from './errors.ts';
import type { WorkerReply, WorkerRequest, WorkerSetup } from './messages.ts';

interface Waiting {
  readonly resolve: (result: StatementResult) => void;
  readonly reject: (error: StoreError) => void;
}

const startId = 0;

/** The main thread's end of one database thread. Answers come in the order of the requests. */
export class WorkerClient {
  readonly #worker: Worker;
  readonly #pendingMax: number;
  readonly #waiting = new Map<number, Waiting>();
  readonly #exited: Promise<void>;
  readonly #lost = Promise.withResolvers<StoreError>();
  #lastId = startId;
  #dead: StoreError | undefined;
  #isClosing = false;

  private constructor(setup: WorkerSetup, pendingMax: number) {
    this.#pendingMax = pendingMax;
    this.#worker = new Worker(workerFile(), {
      ...bareThread(),
      workerData: setup,
      name: `sqlite-${setup.role}`,
    });
    this.#worker.on('message', (reply: WorkerReply) => this.#settle(reply));
    this.#worker.on('error', (cause) => this.#die(cause));
    this.#exited = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#die(undefined);
        resolve();
      });
    });
  }

  /** Resolves when the thread has opened its database. */
  static async open(
    setup: WorkerSetup,
    limits: { readonly statementsPendingMax: number },
  ): Promise<WorkerClient> {
    const client = new WorkerClient(setup, limits.statementsPendingMax);
    await new Promise<StatementResult>((resolve, reject) => {
      client.#waiting.set(startId, { resolve, reject });
    });
    return client;
  }

  /** Resolves when the thread ends by itself: nothing can be asked of it any more. */
  get lost(): Promise<StoreError> {
    return this.#lost.promise;
  }

  get pending(): number {
    return this.#waiting.size;
  }

  /** Rejects with `store.busy` when too many wait. */
  run(statement: Statement, options: { readonly inTransaction: boolean }): Promise<StatementResult> {
    if (this.#waiting.size < this.#pendingMax) return this.control(statement, options);
    const message = `more than \`${this.#pendingMax}\` statements wait for the database: try again later`;
    return Promise.reject(new StoreError('store.busy', message));
  }

  /** Like `run`, but always accepted: for the statements that end a transaction, of which one waits at a time. */
  control(statement: Statement, options: { readonly inTransaction: boolean }): Promise<StatementResult> {
    const parameters = statement.parameters.map(ownBytes);
    return this.#request((id) => ({
      id,
      kind: 'run',
      statement: { sql: statement.sql, parameters },
      inTransaction: options.inTransaction,
    }));
  }

  /** Lets what was asked finish, closes the database and ends the thread. */
  async close(): Promise<void> {
    this.#isClosing = true;
    if (this.#dead === undefined) await this.#request((id) => ({ id, kind: 'close' }));
    await this.#exited;
  }

  #request(build: (id: number) => WorkerRequest): Promise<StatementResult> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage(build(id));
    });
  }

  #settle(reply: WorkerReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (reply.kind === 'done') waiting?.resolve(reply.result);
    else waiting?.reject(sqliteError(reply.code, reply.message));
  }

  /** Once gone it stays gone: whether the last statements took effect is not known, so nothing is tried again. */
  #die(cause: unknown): void {
    this.#dead ??= new StoreError('store.unavailable', 'the database thread has ended', { cause });
    for (const waiting of this.#waiting.values()) waiting.reject(this.#dead);
    this.#waiting.clear();
    if (!this.#isClosing) this.#lost.resolve(this.#dead);
  }
}

// From source Node runs `worker.ts` itself; the published package holds `worker.js`.
function workerFile(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);
}

/** A view on a larger buffer would be posted with all of that buffer, strangers' bytes included. */
function ownBytes(value: unknown): unknown {
  return value instanceof Uint8Array && value.byteLength !== value.buffer.byteLength
    ? new Uint8Array(value)
    : value;
}
