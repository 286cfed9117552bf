import type { Clock, ThingName, Transaction, Transactor } from '@fleetward/core';
import { type PolicyAction, Sketch, type SketchEntry } from '@fleetward/policy';
import type { Things } from '../things/index.ts';
import { Turns } from '../turns.ts';
import type { ActivityRecord, ActivityStore } from './store.ts';

export interface ActivityLimits {
  readonly entriesPerThingMax: number;
  readonly thingsMax: number;
  readonly keptDays: number;
  readonly synthesisRequestsMax: number;
  readonly namesPerActionMax: number;
}

export interface ActivityOptions {
  readonly store: ActivityStore;
  readonly transactor: Transactor;
  readonly clock: Clock;
  readonly things: Pick<Things, 'known'>;
  readonly limits: ActivityLimits;
}

/** Decisions of one thing that are alike. */
export interface Decided {
  readonly thingName: ThingName;
  readonly action: PolicyAction;
  readonly name: string;
  readonly outcome: SketchEntry['outcome'];
  readonly count: number;
}

interface Pending {
  readonly sketch: Sketch;
  isSampled: boolean;
}

const dayMs = 86_400_000;
const thingsPerTransaction = 100;

/**
 * A bounded sketch of what each thing did, allowed and denied: what the least policy is made from. Device data: it does not enter the
 * trail. Kept in memory until `flush`; a crash costs what came since.
 */
export class Activity {
  readonly #options: ActivityOptions;
  readonly #pending = new Map<ThingName, Pending>();
  readonly #turns = new Turns();
  /** Of which something is kept or waits. */
  readonly #known: Set<ThingName>;
  #refused = 0;
  #sampled = 0;

  private constructor(options: ActivityOptions, names: Iterable<ThingName>) {
    this.#options = options;
    this.#known = new Set(names);
  }

  static async open(options: ActivityOptions): Promise<Activity> {
    return new Activity(options, await options.store.names());
  }

  /**
   * Things of which something is kept, those that wait to be written, decisions of things beyond `thingsMax`, and samples that stand for
   * names beyond `namesPerActionMax`.
   */
  get counts(): Readonly<Record<'things' | 'pending' | 'refused' | 'sampled', number>> {
    return {
      things: this.#known.size,
      pending: this.#pending.size,
      refused: this.#refused,
      sampled: this.#sampled,
    };
  }

  /** Names of one action of one connection that are counted one by one. */
  get namesPerActionMax(): number {
    return this.#options.limits.namesPerActionMax;
  }

  /** Kinds of requests from which one policy is made. */
  get synthesisRequestsMax(): number {
    return this.#options.limits.synthesisRequestsMax;
  }

  record({ thingName, action, name, outcome, count }: Decided): void {
    const pending = this.#pendingOf(thingName);
    if (pending === undefined) {
      this.#refused += count;
      return;
    }
    const nowMs = this.#options.clock.now();
    pending.sketch.addName(name, { action, outcome, count, firstSeenMs: nowMs, lastSeenMs: nowMs });
  }

  /** Says that of this thing only a sample was recorded. */
  markSampled(thingName: ThingName): void {
    this.#sampled++;
    const pending = this.#pendingOf(thingName);
    if (pending !== undefined) pending.isSampled = true;
  }

  /** What is kept and what waits; things of which nothing is known are left out. */
  find(thingNames: readonly ThingName[]): Promise<readonly ActivityRecord[]> {
    // Not while something is on its way from one to the other.
    return this.#turns.take('records', async () => {
      const stored = byThing(await this.#options.store.find(thingNames));
      return thingNames.flatMap((thingName) => {
        const record = this.#merged(thingName, stored.get(thingName), this.#pending.get(thingName));
        return record.entries.length === 0 ? [] : [record];
      });
    });
  }

  /** Writes what waits, and forgets what was not seen for `keptDays`. */
  async flush(): Promise<void> {
    const rounds = Math.ceil(this.#pending.size / thingsPerTransaction);
    for (let round = 0; round < rounds; round++)
      await this.#turns.take('records', () => this.#writeSome(thingsPerTransaction));
    await this.#expire();
  }

  /** Forgets a thing that is being removed. */
  async forget(tx: Transaction, thingName: ThingName): Promise<void> {
    await this.#options.store.forget(tx, thingName);
    tx.afterCommit(() => {
      this.#pending.delete(thingName);
      this.#known.delete(thingName);
    });
  }

  #pendingOf(thingName: ThingName): Pending | undefined {
    const known = this.#pending.get(thingName);
    if (known !== undefined) return known;
    const { entriesPerThingMax, thingsMax } = this.#options.limits;
    if (!this.#known.has(thingName) && this.#known.size >= thingsMax) return undefined;
    const pending = { sketch: new Sketch(entriesPerThingMax), isSampled: false };
    this.#pending.set(thingName, pending);
    this.#known.add(thingName);
    return pending;
  }

  async #writeSome(things: number): Promise<void> {
    const taken = new Map(this.#pending.entries().take(things));
    for (const thingName of taken.keys()) this.#pending.delete(thingName);
    try {
      await this.#options.transactor.transact((tx) => this.#write(tx, taken));
    } catch (error) {
      for (const [thingName, pending] of taken) this.#putBack(thingName, pending);
      throw error;
    }
  }

  async #write(tx: Transaction, taken: ReadonlyMap<ThingName, Pending>): Promise<void> {
    const { store, things } = this.#options;
    const stored = byThing(await store.find([...taken.keys()], tx));
    for (const [thingName, pending] of taken) {
      if (things.known(thingName) === undefined) await this.forget(tx, thingName);
      else await store.save(tx, this.#merged(thingName, stored.get(thingName), pending));
    }
  }

  #putBack(thingName: ThingName, { sketch, isSampled }: Pending): void {
    const pending = this.#pendingOf(thingName);
    if (pending === undefined) return;
    for (const entry of sketch.entries) pending.sketch.add(entry);
    pending.isSampled ||= isSampled;
  }

  #merged(
    thingName: ThingName,
    stored: ActivityRecord | undefined,
    pending: Pending | undefined,
  ): ActivityRecord {
    const entries = [...(stored?.entries ?? []), ...(pending?.sketch.entries ?? [])];
    const counting = entries.filter((entry) => this.#counts(thingName, entry));
    const sketch = new Sketch(this.#options.limits.entriesPerThingMax, counting);
    return {
      thingName,
      entries: sketch.entries,
      isSampled: stored?.isSampled === true || pending?.isSampled === true,
      lastSeenMs: Math.max(0, ...sketch.entries.map(({ lastSeenMs }) => lastSeenMs)),
    };
  }

  /** Not too old, and not of a thing of the same name before this one. */
  #counts(thingName: ThingName, { lastSeenMs }: SketchEntry): boolean {
    const createdAtMs = this.#options.things.known(thingName)?.createdAtMs ?? Number.POSITIVE_INFINITY;
    return lastSeenMs >= Math.max(this.#oldestMs(), createdAtMs);
  }

  async #expire(): Promise<void> {
    const { store, transactor } = this.#options;
    const expired = await transactor.transact((tx) => store.expire(tx, this.#oldestMs()));
    for (const thingName of expired) if (!this.#pending.has(thingName)) this.#known.delete(thingName);
  }

  #oldestMs(): number {
    return this.#options.clock.now() - this.#options.limits.keptDays * dayMs;
  }
}

function byThing(records: readonly ActivityRecord[]): ReadonlyMap<ThingName, ActivityRecord> {
  return new Map(records.map((record) => [record.thingName, record]));
}
