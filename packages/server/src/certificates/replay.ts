import type { Transaction, Transactor } from '@fleetward/core';
import type { Trail } from '../trail/index.ts';
import type { Authorities } from './authorities.ts';
import type { JournalEntry } from './journal-entry.ts';
import type { CertificateRegistry } from './registry.ts';
import type { CertificateStore } from './store.ts';

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
 * before its commit. A certificate that the records lack altogether is still revoked, in memory and on the CRL. Answers
 * how many entries were missing.
 */
export async function replayJournal(entries: readonly JournalEntry[], target: ReplayTarget): Promise<number> {
  const missing = entries.filter((entry) => isMissing(entry, target));
  for (let at = 0; at < missing.length; at += batchSize)
    await applyBatch(missing.slice(at, at + batchSize), target);
  return missing.length;
}

function isMissing(entry: JournalEntry, { registry, authorities }: ReplayTarget): boolean {
  if (entry.kind === 'certificate-revoked') return !registry.isRevoked(entry);
  const authority = authorities.find(entry.certificateId);
  return authority !== undefined && authority.state !== 'removed';
}

function applyBatch(entries: readonly JournalEntry[], target: ReplayTarget): Promise<void> {
  return target.transactor.transact(async (tx) => {
    for (const entry of entries) {
      if (entry.kind === 'certificate-revoked') await applyRevocation(tx, entry, target);
      else await applyRemoval(tx, entry, target);
    }
  });
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
  { certificateId }: Extract<JournalEntry, { kind: 'authority-removed' }>,
  { store, trail, authorities }: ReplayTarget,
): Promise<void> {
  await store.setAuthorityState(tx, { certificateId, state: 'removed' });
  const payload = { certificateId, state: 'removed', replayedFromJournal: true };
  await trail.append(tx, { kind: 'ca.state_changed', actor: { kind: 'system' }, payload });
  tx.afterCommit(() => authorities.setState(certificateId, 'removed'));
}
