import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { bareThread, resolutionFlags } from '../bare-thread.ts';
import { type BuildAnswer, type CrlWork, crlWork } from './crl-work.ts';
import { CertificatesError } from './errors.ts';
import type { RevocationsTaken } from './revocation-list.ts';

/** A CRL of no more entries is made where it is asked for: half a millisecond of work, for which no platform shall need a thread and its memory. */
const inPlaceMax = 500;

type Kind = keyof CrlWork;
type Task<Asked extends Kind> = Parameters<CrlWork[Asked]>[0];
type Result<Asked extends Kind> = ReturnType<CrlWork[Asked]>;

/** What the thread is asked. */
export interface CrlRequest {
  readonly id: number;
  readonly kind: Kind;
  readonly task: Task<Kind>;
}

/** What it answers. */
export type CrlAnswer =
  | { readonly id: number; readonly kind: 'done'; readonly result: Result<Kind> }
  | { readonly id: number; readonly kind: 'refused'; readonly message: string };

export interface CrlBuilderOptions {
  /** What takes longer is given up, and the thread with it. */
  readonly answerTimeoutMs: number;
  readonly warn: (message: string, error?: unknown) => void;
}

interface Waiting {
  readonly resolve: (result: Result<Kind>) => void;
  readonly reject: (error: CertificatesError) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * Makes CRLs beside the event loop, in a thread that the first large one starts. The thread keeps nothing: one that ends takes along what it was
 * asked, which throws `certificates.crl_failed`, and the next task starts another.
 */
export class CrlBuilder {
  readonly #options: CrlBuilderOptions;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #lastId = 0;
  #isClosed = false;

  constructor(options: CrlBuilderOptions) {
    this.#options = options;
  }

  async build(task: Task<'build'>): Promise<BuildAnswer> {
    return this.#isSmall(task.list) ? crlWork.build(task) : this.#ask('build', task);
  }

  /** The caller has the bytes no more. */
  async seal(task: Task<'seal'>, list: RevocationsTaken): Promise<Uint8Array> {
    return this.#isSmall(list) ? crlWork.seal(task) : this.#ask('seal', task, [task.tbs.buffer]);
  }

  async isStale(task: Task<'isStale'>): Promise<boolean> {
    return this.#isSmall(task.list) ? crlWork.isStale(task) : this.#ask('isStale', task);
  }

  /** Ends the thread, and what it was asked with it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#worker?.terminate();
  }

  #isSmall({ revoked }: RevocationsTaken): boolean {
    return revoked <= inPlaceMax;
  }

  async #ask<Asked extends Kind>(
    kind: Asked,
    task: Task<Asked>,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<Result<Asked>> {
    if (this.#isClosed) throw failed('the platform stops');
    this.#worker ??= this.#start();
    const worker = this.#worker;
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<Result<Kind>>();
    const timer = setTimeout(() => this.#end(worker), this.#options.answerTimeoutMs);
    this.#waiting.set(id, { resolve, reject, timer });
    worker.postMessage({ id, kind, task } satisfies CrlRequest, transfer);
    // The thread does the work of this kind.
    return (await promise) as Result<Asked>;
  }

  #start(): Worker {
    const worker = new Worker(entry, {
      ...bareThread(),
      execArgv: resolutionFlags(),
      // What it makes of each entry is gone with the next one; V8 would let 150 MB of that gather.
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
      name: 'crl',
    });
    worker.on('message', (answer: CrlAnswer) => this.#settle(answer));
    worker.once('error', (cause) => this.#lose(worker, cause));
    worker.once('exit', () => this.#lose(worker));
    return worker;
  }

  #settle(answer: CrlAnswer): void {
    const waiting = this.#take(answer.id);
    if (answer.kind === 'done') waiting?.resolve(answer.result);
    else waiting?.reject(failed(answer.message));
  }

  #end(worker: Worker): void {
    void worker.terminate();
    this.#lose(worker, new Error(`no answer within ${this.#options.answerTimeoutMs} ms`));
  }

  #lose(worker: Worker, cause?: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(failed('its thread has ended', cause));
    if (!this.#isClosed)
      this.#options.warn('the thread that makes CRLs has ended; the next CRL starts another', cause);
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    clearTimeout(waiting?.timer);
    return waiting;
  }
}

function failed(why: string, cause?: unknown): CertificatesError {
  return new CertificatesError('certificates.crl_failed', `a CRL could not be made: ${why}`, { cause });
}

/** Compiled it stands beside this folder as JavaScript. */
const entry = join(
  import.meta.dirname,
  `../crl-worker-main${import.meta.filename.endsWith('.ts') ? '.ts' : '.js'}`,
);
