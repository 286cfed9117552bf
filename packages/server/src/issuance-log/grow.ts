import type { CertificateId, Clock, Transaction } from '@fleetward/core';
import { entryHash, type IssuanceLogEntry } from '@fleetward/protocol';
import { fold, keptLevels } from './merkle-tree.ts';
import type { IssuanceLogStore, LogNode } from './store.ts';

const nodesPerParent = 2 ** keptLevels;

/** Entries moved in one transaction. */
export const growthMax = 1_000;

/** Moves what waits to the end of the log, at most `growthMax`, and keeps the inner nodes that became full. */
export async function grow(
  tx: Transaction,
  { store, clock }: { readonly store: IssuanceLogStore; readonly clock: Clock },
): Promise<{ readonly size: number; readonly added: number }> {
  const size = await store.lockSize(tx);
  const waiting = await store.pending(tx, growthMax);
  const last = waiting.at(-1);
  if (last === undefined) return { size, added: 0 };
  await store.append(tx, entriesOf(waiting, { size, at: clock.now() }), { waitedSinceMs: last.sinceMs });
  const grown = size + waiting.length;
  for (let level = keptLevels; grown >= 2 ** level; level += keptLevels)
    await keepFull(tx, { store, level, size, grown });
  return { size: grown, added: waiting.length };
}

function entriesOf(
  waiting: readonly { readonly certificateId: CertificateId }[],
  { size, at }: { readonly size: number; readonly at: number },
): readonly IssuanceLogEntry[] {
  return waiting.map(({ certificateId }, place) => ({ index: size + place, at, certificateId }));
}

async function keepFull(
  tx: Transaction,
  grown: {
    readonly store: IssuanceLogStore;
    readonly level: number;
    readonly size: number;
    readonly grown: number;
  },
): Promise<void> {
  const { store, level } = grown;
  const leaves = 2 ** level;
  const full = Math.floor(grown.grown / leaves);
  const nodes: LogNode[] = [];
  for (let position = Math.floor(grown.size / leaves); position < full; position++)
    nodes.push({ level, position, hash: fold(await childrenOf(tx, { store, level, position })) });
  if (nodes.length > 0) await store.addNodes(tx, nodes);
}

async function childrenOf(
  tx: Transaction,
  {
    store,
    level,
    position,
  }: { readonly store: IssuanceLogStore; readonly level: number; readonly position: number },
): Promise<readonly Uint8Array[]> {
  const from = position * nodesPerParent;
  if (level > keptLevels) return store.nodes({ level: level - keptLevels, from, count: nodesPerParent }, tx);
  return (await store.entries({ from, limit: nodesPerParent }, tx)).map(entryHash);
}
