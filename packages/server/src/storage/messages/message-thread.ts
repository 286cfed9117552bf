import { Worker } from 'node:worker_threads';
import { bareThread } from '../../bare-thread.ts';
import { StoreError } from '../../store-error.ts';
import { messageFileError } from './file-errors.ts';
import type { MessageThreadReply, MessageThreadRequest, MessageThreadSetup } from './requests.ts';

type Reply = Exclude<MessageThreadReply, { readonly kind: 'failed' }>;

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: StoreError) => void;
}

/** The main thread's end of the thread of `messages.db`. Replies come in the order of the requests. */
export class MessageThread {
  readonly #worker: Worker;
  readonly #path: string;
  readonly #waiting: Waiting[] = [];
  readonly #exited: Promise<void>;
  readonly #lost = Promise.withResolvers<StoreError>();
  #dead: StoreError | undefined;
  #isClosing = false;

  private constructor(setup: MessageThreadSetup) {
    this.#path = setup.path;
    this.#worker = new Worker(workerFile(), { ...bareThread(), workerData: setup, name: 'sqlite-messages' });
    this.#worker.on('message', (reply: MessageThreadReply) => this.#settle(reply));
    this.#worker.on('error', (cause) => this.#die(cause));
    this.#exited = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#die(undefined);
        resolve();
      });
    });
  }

  /** Resolves when the thread has opened its file. */
  static async open(setup: MessageThreadSetup): Promise<MessageThread> {
    const thread = new MessageThread(setup);
    try {
      await new Promise<Reply>((resolve, reject) => thread.#waiting.push({ resolve, reject }));
    } catch (error) {
      await thread.#exited;
      throw error;
    }
    return thread;
  }

  /** Resolves when the thread ends by itself. */
  get lost(): Promise<StoreError> {
    return this.#lost.promise;
  }

  ask(request: MessageThreadRequest): Promise<Reply> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(request, request.kind === 'commit' ? [request.buffer] : []);
    });
  }

  /** Lets what was asked finish, closes the file and ends the thread. */
  async close(): Promise<void> {
    if (!this.#isClosing && this.#dead === undefined) {
      this.#isClosing = true;
      await this.ask({ kind: 'close' });
    }
    await this.#exited;
  }

  #settle(reply: MessageThreadReply): void {
    const waiting = this.#waiting.shift();
    if (reply.kind === 'failed') waiting?.reject(messageFileError(this.#path, reply.code, reply.message));
    else waiting?.resolve(reply);
  }

  #die(cause: unknown): void {
    const options = { cause, details: { file: this.#path } };
    this.#dead ??= new StoreError(
      'store.unavailable',
      `\`${this.#path}\`: the database thread has ended`,
      options,
    );
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#dead);
    if (!this.#isClosing) this.#lost.resolve(this.#dead);
  }
}

// From source Node runs `worker.ts` itself; the published package holds `worker.js`.
function workerFile(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);
}
