import type { Sha256, Transaction } from '@fleetward/core';
import type { TrailCheckpoint, TrailEntry } from '@fleetward/protocol';

/** Salt and payload of an entry, kept apart from the chain so that they can be erased without breaking it. */
export interface TrailPayload {
  /** 16 random bytes, hex. */
  readonly salt: string;
  /** Canonical JSON. */
  readonly payload: string;
}

/** Durable home of one node's hash chain. Every method acts on the chain of the node the store was opened for. */
export interface TrailStore {
  /** The newest entry's sequence number and hash, locked against other writers until `tx` ends. */
  head(tx: Transaction): Promise<{ readonly seq: number; readonly hash: Sha256 } | undefined>;
  append(tx: Transaction, entry: TrailEntry, payload: TrailPayload): Promise<void>;
  /** Entries with `seq > afterSeq` in order; `payload` is absent when it was erased. */
  page(range: {
    readonly afterSeq: number;
    readonly limit: number;
  }): Promise<readonly { readonly entry: TrailEntry; readonly payload?: TrailPayload }[]>;
  /** The newest entry without a lock. */
  newest(): Promise<TrailEntry | undefined>;
  addCheckpoint(tx: Transaction, checkpoint: TrailCheckpoint): Promise<void>;
  checkpoints(range: {
    readonly afterSeq: number;
    readonly limit: number;
  }): Promise<readonly TrailCheckpoint[]>;
  erasePayload(tx: Transaction, seq: number): Promise<void>;
}
