import type { Transaction, Transactor } from '@fleetward/core';
import type { Trail } from '../trail/index.ts';
import type { Authorities } from './authorities.ts';
import type { JournalEntry } from './journal-entry.ts';
import { foldJournal, type Governing } from './journal-fold.ts';
import { type CertificateRegistry, supersedes } from './registry.ts';
import { type CertificateStore, isForEver } from './store.ts';

export interface ReplayTarget {
  readonly store: CertificateStore;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly registry: CertificateRegistry;
  readonly authorities: Authorities;
}

const batchSize = 500;

/**
 * Applies what the journal knows and the records do not: the records came from a backup, or the last revocation was cut off
 * before its commit. A hold comes back with its end, so that only what was lifted is lifted. A certificate that the records lack altogether is still revoked, in memory and on the CRL. Answers
 * how many entries were missing.
 */
export async function replayJournal(entries: readonly JournalEntry[], target: ReplayTarget): Promise<number> {
  const removals = entries.filter((entry) => entry.kind === 'authority-removed');
  const missing = [...foldJournal(entries).values(), ...removals].filter((one) => isMissing(one, target));
  for (let at = 0; at < missing.length; at += batchSize)
    await applyBatch(missing.slice(at, at + batchSize), target);
  return missing.length;
}

type Removal = Extract<JournalEntry, { kind: 'authority-removed' }>;
type Lifted = Extract<Governing, { kind: 'lifted' }>;

function isMissing(one: Governing | Removal, { registry, authorities }: ReplayTarget): boolean {
  switch (one.kind) {
    case 'revoked': {
      const known = registry.revocation(one.entry);
      return known === undefined || supersedes(one.entry, known);
    }
    case 'lifted':
      return heldBefore(one, registry) !== undefined;
    case 'authority-removed': {
      const authority = authorities.find(one.certificateId);
      return authority !== undefined && authority.state !== 'removed';
    }
  }
}

/** The hold that was lifted, where the records still have it: not one from after it. */
function heldBefore({ certificateId, heldAtMs }: Lifted, registry: CertificateRegistry) {
  const known = registry.find(certificateId);
  const held = known && registry.revocation(known);
  if (held === undefined || isForEver(held.reason) || held.revokedAtMs > heldAtMs) return undefined;
  return held;
}

function applyBatch(missing: readonly (Governing | Removal)[], target: ReplayTarget): Promise<void> {
  return target.transactor.transact(async (tx) => {
    for (const one of missing) {
      if (one.kind === 'revoked') await applyRevocation(tx, one.entry, target);
      else if (one.kind === 'lifted') await applyLifting(tx, one, target);
      else await applyRemoval(tx, one, target);
    }
  });
}

async function applyLifting(
  tx: Transaction,
  lifted: Lifted,
  { store, trail, registry }: ReplayTarget,
): Promise<void> {
  const { certificateId, heldAtMs } = lifted;
  const held = heldBefore(lifted, registry);
  const state = await store.unhold(tx, { certificateId, heldAtMs });
  if (held === undefined || state === undefined) return;
  const payload = { certificateId, to: state, replayedFromJournal: true };
  await trail.append(tx, { kind: 'certificate.unheld', actor: { kind: 'system' }, payload });
  tx.afterCommit(() => void registry.lift(held, state));
}

async function applyRevocation(
  tx: Transaction,
  entry: Extract<JournalEntry, { kind: 'certificate-revoked' }>,
  { store, trail, registry }: ReplayTarget,
): Promise<void> {
  const { certificateId, serial, issuerId, reason, revokedAtMs: atMs } = entry;
  if (await store.revoke(tx, { certificateId, atMs, reason })) {
    const payload = { certificateId, serial, issuerId, reason, replayedFromJournal: true };
    await trail.append(tx, { kind: 'certificate.revoked', actor: { kind: 'system' }, payload });
  }
  tx.afterCommit(() => registry.revoke(entry));
}

async function applyRemoval(
  tx: Transaction,
  { certificateId }: Removal,
  { store, trail, authorities }: ReplayTarget,
): Promise<void> {
  await store.setAuthorityState(tx, { certificateId, state: 'removed' });
  const payload = { certificateId, state: 'removed', replayedFromJournal: true };
  await trail.append(tx, { kind: 'ca.state_changed', actor: { kind: 'system' }, payload });
  tx.afterCommit(() => authorities.setState(certificateId, 'removed'));
}
