import type { CertificateId, Transaction } from '@fleetward/core';
import type { IssuanceLogEntry, TreeHead } from '@fleetward/protocol';

/** Inner nodes that are kept: on each level that is a multiple of `keptLevels`, without the leaves. */
export interface LogNode {
  readonly level: number;
  /** 0, 1, 2, … from the left. */
  readonly position: number;
  readonly hash: Uint8Array;
}

/** Neighbours of one level. */
export interface NodeRange {
  readonly level: number;
  readonly from: number;
  readonly count: number;
}

/** Durable home of the log. Nothing of it is ever changed or removed but what waits. */
export interface IssuanceLogStore {
  /** Makes certificates wait for their entry. */
  pend(
    tx: Transaction,
    waiting: { readonly certificateIds: readonly CertificateId[]; readonly sinceMs: number },
  ): Promise<void>;
  /** Entries so far, locked against other writers until `tx` ends. */
  lockSize(tx: Transaction): Promise<number>;
  /** What waits, the longest first. */
  pending(
    tx: Transaction,
    limit: number,
  ): Promise<readonly { readonly sinceMs: number; readonly certificateId: CertificateId }[]>;
  /** How many wait, and since when the first. */
  waiting(): Promise<{ readonly count: number; readonly sinceMs?: number }>;
  /** Adds at the end, under the lock; they, none of which has waited since later than that, wait no more. */
  append(
    tx: Transaction,
    entries: readonly IssuanceLogEntry[],
    those: { readonly waitedSinceMs: number },
  ): Promise<void>;
  addNodes(tx: Transaction, nodes: readonly LogNode[]): Promise<void>;
  size(): Promise<number>;
  entries(
    range: { readonly from: number; readonly limit: number },
    tx?: Transaction,
  ): Promise<readonly IssuanceLogEntry[]>;
  nodes(range: NodeRange, tx?: Transaction): Promise<readonly Uint8Array[]>;
  find(certificateId: CertificateId): Promise<IssuanceLogEntry | undefined>;
  /** Those that have an entry, or wait for one. */
  logged(certificateIds: readonly CertificateId[]): Promise<ReadonlySet<CertificateId>>;
  /** The newest head of its size takes the place of the one before. */
  saveHead(tx: Transaction, head: TreeHead): Promise<void>;
  newestHead(): Promise<TreeHead | undefined>;
}
