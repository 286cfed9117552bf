import type { Clock, Random, Signer, Transaction, Transactor } from '@fleetward/core';
import type { TrailCheckpoint, TrailEntry, TrailLine } from '@fleetward/protocol';
import { Checkpointer, type CheckpointSettings } from './checkpoints.ts';
import { TrailError } from './errors.ts';
import { exportThrough } from './export.ts';
import { nextEntry, sealPayload, type TrailEvent } from './rules.ts';
import type { TrailPayload, TrailStore } from './store.ts';

/** One node's audit trail. */
export interface Trail {
  /**
   * Adds an entry to the change's own transaction, which then holds the chain's lock: append as the last thing. Throws
   * `trail.payload_too_large`, and the change falls with it.
   */
  append(tx: Transaction, event: TrailEvent): Promise<void>;
  /** Signs a checkpoint over the newest entry, or returns the one it has; `undefined` while the trail is empty. */
  checkpoint(): Promise<TrailCheckpoint | undefined>;
  /** The whole trail for `verifyTrail`; a fresh checkpoint over its last entry is the last line. */
  exportLines(): AsyncIterable<TrailLine>;
  page(range: {
    readonly afterSeq: number;
    readonly limit: number;
  }): Promise<readonly { readonly entry: TrailEntry; readonly payload?: TrailPayload }[]>;
  /** Erases an entry's payload and salt; its place in the chain stays. The caller appends `trail.payload_erased`. */
  erase(tx: Transaction, seq: number): Promise<void>;
  /** Makes a last checkpoint and no more after it. */
  close(): Promise<void>;
}

export interface TrailOptions extends Partial<CheckpointSettings> {
  readonly store: TrailStore;
  readonly node: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Ed25519, a key for checkpoints alone. */
  readonly signer: Signer;
  readonly transactor: Transactor;
  readonly onCheckpointFailed?: (error: unknown) => void;
}

const defaults = { checkpointEntries: 1000, checkpointSeconds: 300, onCheckpointFailed: () => {} };

/** The trail of `node` over its store. Throws `trail.signer_unfit` when the signer is not Ed25519. */
export function createTrail(options: TrailOptions): Trail {
  const { store, node, clock, random, signer } = options;
  if (signer.algorithm !== 'ed25519') {
    throw new TrailError(
      'trail.signer_unfit',
      `checkpoints are signed with \`ed25519\`, not \`${signer.algorithm}\``,
    );
  }
  const checkpointer = new Checkpointer({ ...defaults, ...options });
  return {
    append: async (tx, event) => {
      const sealed = sealPayload(event, random);
      const head = await store.head(tx);
      await store.append(tx, nextEntry(head, { node, at: clock.now(), kind: event.kind, sealed }), sealed);
      tx.afterCommit(() => checkpointer.entryAdded());
    },
    checkpoint: () => checkpointer.checkpoint(),
    exportLines: () => exportLines(store, checkpointer),
    page: (range) => store.page(range),
    erase: (tx, seq) => store.erasePayload(tx, seq),
    close: () => checkpointer.close(),
  };
}

async function* exportLines(
  store: TrailStore,
  checkpointer: Checkpointer,
): AsyncGenerator<TrailLine, void, undefined> {
  const through = await checkpointer.checkpoint();
  if (through !== undefined) yield* exportThrough(store, through);
}
