import { type Clock, type Signer, type Transactor, toBase64 } from '@fleetward/core';
import { type TrailCheckpoint, trailCheckpointMessage, trailEntryHash } from '@fleetward/protocol';
import type { TrailStore } from './store.ts';

export interface CheckpointSettings {
  /** After so many entries a checkpoint is signed. */
  readonly checkpointEntries: number;
  /** So many seconds after an entry at the latest a checkpoint is signed. */
  readonly checkpointSeconds: number;
}

export interface CheckpointerOptions extends CheckpointSettings {
  readonly store: TrailStore;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly transactor: Transactor;
  /** Told when a checkpoint that nobody asked for could not be made; it is tried again after the next entry or period. */
  readonly onCheckpointFailed: (error: unknown) => void;
}

const msPerSecond = 1000;
/** The longest time a Node timer can wait. */
const timerMsMax = 2 ** 31 - 1;

/** Signs where the chain has got to, one checkpoint at a time and never inside a transaction. */
export class Checkpointer {
  readonly #options: CheckpointerOptions;
  #uncovered = 0;
  #timer: NodeJS.Timeout | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
  }

  /** Covers the newest entry; `undefined` while there is none. */
  checkpoint(): Promise<TrailCheckpoint | undefined> {
    const next = this.#last.then(() => this.#cover());
    this.#last = next.catch(() => {});
    return next;
  }

  /** An entry is durable: a checkpoint becomes due. */
  entryAdded(): void {
    if (this.#closed) return;
    this.#uncovered++;
    if (this.#uncovered === this.#options.checkpointEntries) this.#coverInBackground();
    const waitMs = Math.min(this.#options.checkpointSeconds * msPerSecond, timerMsMax);
    this.#timer ??= setTimeout(() => this.#coverInBackground(), waitMs).unref();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#disarm();
    await this.checkpoint();
  }

  #coverInBackground(): void {
    this.#disarm();
    this.checkpoint().catch((error) => this.#options.onCheckpointFailed(error));
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #cover(): Promise<TrailCheckpoint | undefined> {
    const { store, clock, transactor } = this.#options;
    this.#disarm();
    this.#uncovered = 0;
    const newest = await store.newest();
    if (newest === undefined) return undefined;
    const [known] = await store.checkpoints({ afterSeq: newest.seq - 1, limit: 1 });
    if (known !== undefined) return known;
    const { node, seq } = newest;
    const checkpoint = await this.#sign({ node, seq, hash: trailEntryHash(newest), at: clock.now() });
    await transactor.transact((tx) => store.addCheckpoint(tx, checkpoint));
    return checkpoint;
  }

  async #sign(statement: Omit<TrailCheckpoint, 'signature'>): Promise<TrailCheckpoint> {
    const signature = await this.#options.signer.sign(trailCheckpointMessage(statement));
    return { ...statement, signature: toBase64(signature) };
  }
}
