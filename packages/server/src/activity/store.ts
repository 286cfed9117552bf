import type { ThingName, Transaction } from '@fleetward/core';
import type { SketchEntry } from '@fleetward/policy';

/** What a thing did, as far as it is kept. */
export interface ActivityRecord {
  readonly thingName: ThingName;
  readonly entries: readonly SketchEntry[];
  /** Whether more went on at once than was looked at one by one: rare requests may be missing. */
  readonly isSampled: boolean;
  readonly lastSeenMs: number;
}

export interface ActivityStore {
  /** What is kept of these things, at most 1,000. */
  find(names: readonly ThingName[], tx?: Transaction): Promise<readonly ActivityRecord[]>;
  /** Replaces what is kept of the thing. */
  save(tx: Transaction, record: ActivityRecord): Promise<void>;
  forget(tx: Transaction, thingName: ThingName): Promise<void>;
  /** Removes things that were not seen since. */
  expire(tx: Transaction, beforeMs: number): Promise<readonly ThingName[]>;
  /** Every thing of which something is kept. */
  names(): Promise<readonly ThingName[]>;
}
