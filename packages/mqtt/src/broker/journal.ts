import type { MessageStore, StoreChange } from '../store/message-store.ts';
import type { BrokerLimits } from './limits.ts';
import type { BrokerMetrics } from './metrics.ts';

/** Something that goes on when a batch is durable. The journal owns `waitsFor`. */
export interface Waiter {
  waitsFor: number;
  durable(): void;
}

interface JournalOptions {
  readonly store: MessageStore | undefined;
  readonly limits: BrokerLimits;
  readonly metrics: BrokerMetrics;
  /** Told once, when it is not known what is durable: nothing more is written or acknowledged. */
  readonly failed: (error: unknown) => void;
  /** Told when the disk has no room for what changed, and when it has again. */
  readonly stalled: (isStalled: boolean) => void;
}

/** What a change takes besides its packet, roughly. */
const CHANGE_BYTES = 100;

/** Until a batch that found no room on the disk is tried again. */
const RETRY_MS = 500;

/**
 * Writes what changes in memory, in batches: all changes of a turn and of the time in which the batch before is being made
 * durable go together (group commit). Batches begin `commitIntervalMs` apart at least: each wakes a thread and syncs a disk, so
 * that many small ones would cost more than what is in them. Whoever writes after a pause does not wait for it.
 * A batch that finds no room is tried again until it does: what waits for it is not acknowledged, and what comes meanwhile waits behind it.
 * Batches are numbered; 0 is durable always. Without a store everything is.
 */
export class Journal {
  readonly #store: MessageStore | undefined;
  readonly #limits: BrokerLimits;
  readonly #metrics: BrokerMetrics;
  readonly #failed: (error: unknown) => void;
  readonly #stalled: (isStalled: boolean) => void;
  #isStalled = false;
  #isStopped = false;
  readonly #commit = (): void => this.#commitGathered();
  readonly #intervalEnded = (): void => {
    this.#isTooEarly = false;
    if (this.#state === 'scheduled') this.#commitGathered();
  };
  #isTooEarly = false;
  #gathering = 1;
  #durable = 0;
  #last = 0;
  #changes: StoreChange[] = [];
  #changeBytes = 0;
  #committingBytes = 0;
  #state: 'idle' | 'scheduled' | 'committing' | 'failed' = 'idle';
  #waiters: Waiter[] = [];
  #committingWaiters: Waiter[] = [];
  #writes = 0;
  #drained: (() => void)[] = [];

  constructor({ store, limits, metrics, failed, stalled }: JournalOptions) {
    this.#stalled = stalled;
    this.#store = store;
    this.#limits = limits;
    this.#metrics = metrics;
    this.#failed = failed;
  }

  /** Changes written so far: when it has grown, something must be durable before it is acknowledged. */
  get writes(): number {
    return this.#writes;
  }

  /** The batch of the last change. */
  get lastBatch(): number {
    return this.#last;
  }

  /** So much is under way to the disk that whoever causes it must wait. */
  get isFull(): boolean {
    return this.#changeBytes + this.#committingBytes > this.#limits.uncommittedBytesMax;
  }

  /** The disk has no room: what is written now is durable when it has again. */
  get isStalled(): boolean {
    return this.#isStalled;
  }

  isDurable(batch: number): boolean {
    return batch <= this.#durable;
  }

  /** Returns the batch that holds the change. */
  write(change: StoreChange, packetBytes = 0): number {
    if (this.#store === undefined) return 0;
    this.#writes++;
    this.#last = this.#gathering;
    if (this.#state === 'failed') return this.#last; // never durable
    this.#changes.push(change);
    this.#changeBytes += CHANGE_BYTES + packetBytes;
    this.#metrics.uncommittedBytes = this.#changeBytes + this.#committingBytes;
    if (this.#state === 'idle') {
      this.#state = 'scheduled';
      if (!this.#isTooEarly) setImmediate(this.#commit);
    }
    return this.#gathering;
  }

  /** Calls `durable` when the batch is, which it is not yet. */
  wait(waiter: Waiter, batch: number): void {
    if (waiter.waitsFor === batch) return;
    waiter.waitsFor = batch;
    if (batch === this.#gathering) this.#waiters.push(waiter);
    else this.#committingWaiters.push(waiter);
  }

  /** Resolves when all that was written so far is durable, or there is no room for it, or it will never be. */
  drained(): Promise<void> {
    if (this.isDurable(this.#last) || this.#state === 'failed' || this.#isStalled) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  /** Nothing is tried again any more: nothing of it was acknowledged. */
  stop(): void {
    this.#isStopped = true;
  }

  #commitSoon(): void {
    if (this.#isTooEarly) this.#state = 'scheduled';
    else this.#commitGathered();
  }

  #commitGathered(): void {
    if (this.#store === undefined) return;
    const batch = this.#gathering++;
    const changes = this.#changes;
    this.#changes = [];
    this.#committingBytes = this.#changeBytes;
    this.#changeBytes = 0;
    this.#committingWaiters = this.#waiters;
    this.#waiters = [];
    this.#state = 'committing';
    this.#isTooEarly = this.#limits.commitIntervalMs > 0;
    if (this.#isTooEarly) setTimeout(this.#intervalEnded, this.#limits.commitIntervalMs);
    this.#commitBatch(batch, changes);
  }

  #commitBatch(batch: number, changes: readonly StoreChange[]): void {
    this.#store?.commit(changes).then(
      (outcome) => {
        if (outcome === 'durable') this.#committed(batch);
        else this.#tryAgain(batch, changes);
      },
      (error: unknown) => this.#fail(error),
    );
  }

  #tryAgain(batch: number, changes: readonly StoreChange[]): void {
    this.#stall(true);
    this.#settle();
    setTimeout(() => {
      if (!this.#isStopped) this.#commitBatch(batch, changes);
    }, RETRY_MS).unref();
  }

  #stall(isStalled: boolean): void {
    if (this.#isStalled === isStalled) return;
    this.#isStalled = isStalled;
    this.#stalled(isStalled);
  }

  #committed(batch: number): void {
    this.#stall(false);
    this.#durable = batch;
    this.#committingBytes = 0;
    this.#metrics.uncommittedBytes = this.#changeBytes;
    this.#metrics.commits++;
    this.#state = 'idle';
    const waiters = this.#committingWaiters;
    this.#committingWaiters = [];
    // The disk first: it works while the waiters do.
    if (this.#changes.length > 0) this.#commitSoon();
    for (const waiter of waiters) waiter.durable();
    if (this.isDurable(this.#last)) this.#settle();
  }

  #fail(error: unknown): void {
    this.#state = 'failed';
    this.#failed(error);
    this.#settle();
  }

  #settle(): void {
    for (const resolve of this.#drained.splice(0)) resolve();
  }
}
