import type { Clock } from '@fleetward/core';
import type { Authorities } from './authorities.ts';
import type { JournalEntry } from './journal-entry.ts';
import type { CertificateRegistry } from './registry.ts';
import type { RevocationJournal } from './revocation-journal.ts';

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
  const journalled = new Set<string>(entries.map(({ certificateId }) => certificateId));
  const missing = [...revocations(known.registry), ...removals(known.authorities, known.clock)].filter(
    ({ certificateId }) => !journalled.has(certificateId),
  );
  for (let at = 0; at < missing.length; at += batchSize) {
    await Promise.all(missing.slice(at, at + batchSize).map((entry) => known.journal.append(entry)));
  }
}

function* revocations(registry: CertificateRegistry): Iterable<JournalEntry> {
  for (const entry of registry.allRevoked()) yield { kind: 'certificate-revoked', ...entry };
}

function* removals(authorities: Authorities, clock: Clock): Iterable<JournalEntry> {
  const removedAtMs = clock.now();
  for (const { certificateId, state } of authorities.all()) {
    if (state === 'removed') yield { kind: 'authority-removed', certificateId, removedAtMs };
  }
}
