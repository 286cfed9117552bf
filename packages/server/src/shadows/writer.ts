import type { Transaction, Transactor } from '@fleetward/core';
import { noDocument, type ShadowDocument, type ShadowKey } from './document.ts';
import { type Rejection, refuse, rejection } from './rejections.ts';
import type { ShadowStore, StoredShadow } from './store.ts';

/** A change of one shadow that waits for its turn. */
export interface Write<Done = unknown> {
  readonly key: ShadowKey;
  /** Decides by what is there when its turn has come. */
  readonly decide: (previous: ShadowDocument) => Decided<Done> | Rejection;
  /** Joins the transaction where it makes the change. */
  readonly within?: (tx: Transaction, done: Done) => Promise<void>;
}

export interface Decided<Done> {
  readonly kind: 'decided';
  readonly next: ShadowDocument;
  readonly done: Done;
  /** In the tick in which the commit is known, in the order of the writes. */
  readonly announce: () => void;
}

interface ShadowWriterParts {
  readonly store: ShadowStore;
  readonly transactor: Transactor;
  readonly nowMs: () => number;
  readonly changed: (shadow: StoredShadow) => void;
  readonly limits: {
    readonly updatesPendingMax: number;
    readonly updatesPerTransactionMax: number;
    readonly shadowsPerThingMax: number;
  };
}

interface Waiting {
  readonly write: Write<never>;
  readonly resolve: (outcome: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Outcome {
  readonly waiting: Waiting;
  readonly decided: Decided<never> | Rejection;
}

/**
 * Changes shadows in the order in which it was asked, one transaction at a time with all that wait by then, up to a bound: so a burst
 * shares its commits, and no two changes of a shadow ever meet.
 */
export class ShadowWriter {
  readonly #parts: ShadowWriterParts;
  #queue: Waiting[] = [];
  #isDraining = false;
  #underWay = 0;

  constructor(parts: ShadowWriterParts) {
    this.#parts = parts;
  }

  /** Changes that wait or are being written. */
  get pending(): number {
    return this.#queue.length + this.#underWay;
  }

  /** Resolves when the change is durable; a throw is a fault of the records. */
  write<Done>(write: Write<Done>): Promise<Decided<Done> | Rejection> {
    if (this.pending >= this.#parts.limits.updatesPendingMax) return Promise.resolve(refuse('throttled'));
    return new Promise((resolve, reject) => {
      this.#queue.push({ write: write as never, resolve: resolve as never, reject });
      if (!this.#isDraining) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#isDraining = true;
    // What comes in this same turn of the event loop shares the first commit.
    await undefined;
    while (this.#queue.length > 0) {
      const batch = this.#queue.slice(0, this.#parts.limits.updatesPerTransactionMax);
      this.#queue = this.#queue.slice(batch.length);
      this.#underWay = batch.length;
      await this.#writeAll(batch);
      this.#underWay = 0;
    }
    this.#isDraining = false;
  }

  async #writeAll(batch: readonly Waiting[]): Promise<void> {
    try {
      const outcomes = await this.#parts.transactor.transact((tx) => this.#apply(tx, batch));
      for (const { waiting, decided } of outcomes) waiting.resolve(decided);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  async #apply(tx: Transaction, batch: readonly Waiting[]): Promise<readonly Outcome[]> {
    const known = await this.#find(tx, batch);
    const changed = new Map<string, StoredShadow>();
    const outcomes: Outcome[] = [];
    for (const waiting of batch) {
      const decided = await this.#decide(tx, waiting.write, known);
      outcomes.push({ waiting, decided });
      if (decided.kind === 'rejected') continue;
      const { key } = waiting.write;
      const shadow = { ...decided.next, ...key, updatedAtMs: this.#parts.nowMs() };
      known.set(textOf(key), shadow);
      changed.set(textOf(key), shadow);
      await waiting.write.within?.(tx, decided.done);
    }
    await this.#parts.store.save(tx, [...changed.values()]);
    tx.afterCommit(() => {
      for (const shadow of changed.values()) this.#parts.changed(shadow);
      for (const { decided } of outcomes) if (decided.kind === 'decided') decided.announce();
    });
    return outcomes;
  }

  async #find(tx: Transaction, batch: readonly Waiting[]): Promise<Map<string, ShadowDocument>> {
    const keys = new Map(batch.map(({ write: { key } }) => [textOf(key), key]));
    const found = await this.#parts.store.find([...keys.values()], tx);
    return new Map(found.map((shadow) => [textOf(shadow), shadow]));
  }

  async #decide(
    tx: Transaction,
    { key, decide }: Write<never>,
    known: Map<string, ShadowDocument>,
  ): Promise<Decided<never> | Rejection> {
    const previous = known.get(textOf(key));
    const decided = decide(previous ?? noDocument);
    if (previous !== undefined || decided.kind === 'rejected') return decided;
    return (await this.#refusalOfNew(tx, key, known)) ?? decided;
  }

  /** A shadow that is there shows that its thing is; that of a new one is looked for where nobody can remove it meanwhile. */
  async #refusalOfNew(
    tx: Transaction,
    key: ShadowKey,
    known: ReadonlyMap<string, ShadowDocument>,
  ): Promise<Rejection | undefined> {
    const { store, limits } = this.#parts;
    const { thingName } = key;
    if ((await store.registered(tx, [thingName])).length === 0) return refuse('thingNotFound');
    const stored = await store.ofThing(thingName, { limit: limits.shadowsPerThingMax }, tx);
    const names = new Map(stored.map((shadow) => [shadow.shadowName, shadow]));
    const others = [...known.keys()].filter((text) => text.startsWith(`${thingName}/`));
    const all = new Set([...[...names.keys()].map((name) => `${thingName}/${name}`), ...others]);
    if (all.size < limits.shadowsPerThingMax) return undefined;
    const spare = stored.find(({ isDeleted, ...one }) => isDeleted && !known.has(textOf(one)));
    if (spare === undefined)
      return rejection(429, `A thing has ${limits.shadowsPerThingMax} shadows at most`);
    await store.remove(tx, spare);
    return undefined;
  }
}

function textOf({ thingName, shadowName }: ShadowKey): string {
  return `${thingName}/${shadowName}`;
}
