import type { Clock } from '@fleetward/core';
import type { Authorities } from './authorities.ts';
import type { JournalEntry } from './journal-entry.ts';
import { foldJournal } from './journal-fold.ts';
import { type CertificateRegistry, supersedes } from './registry.ts';
import type { RevocationJournal } from './revocation-journal.ts';
import type { RevokedEntry } from './revocation-list.ts';

const batchSize = 1000;

/**
 * Adds to the journal what the records know and it does not: it was lost, or the records moved to this machine without
 * it. From then on it covers a restore from any backup.
 */
export async function completeJournal(
  entries: readonly JournalEntry[],
  known: {
    readonly journal: RevocationJournal;
    readonly registry: CertificateRegistry;
    readonly authorities: Authorities;
    readonly clock: Clock;
  },
): Promise<void> {
  const removed = new Set<string>(
    entries.filter(({ kind }) => kind === 'authority-removed').map(({ certificateId }) => certificateId),
  );
  const missing = [
    ...revocations(entries, known.registry),
    ...[...removals(known.authorities, known.clock)].filter(
      ({ certificateId }) => !removed.has(certificateId),
    ),
  ];
  for (let at = 0; at < missing.length; at += batchSize) {
    await Promise.all(missing.slice(at, at + batchSize).map((entry) => known.journal.append(entry)));
  }
}

function* revocations(
  entries: readonly JournalEntry[],
  registry: CertificateRegistry,
): Iterable<JournalEntry> {
  const journalled = foldJournal(entries);
  const isThere = (entry: RevokedEntry): boolean => {
    const governing = journalled.get(entry.certificateId);
    return governing?.kind === 'revoked' && !supersedes(entry, governing.entry);
  };
  for (const entry of registry.allRevoked())
    if (!isThere(entry)) yield { kind: 'certificate-revoked', ...entry };
}

function* removals(authorities: Authorities, clock: Clock): Iterable<JournalEntry> {
  const removedAtMs = clock.now();
  for (const { certificateId, state } of authorities.all()) {
    if (state === 'removed') yield { kind: 'authority-removed', certificateId, removedAtMs };
  }
}
