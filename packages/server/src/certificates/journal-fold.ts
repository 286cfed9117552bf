import type { CertificateId } from '@fleetward/core';
import type { JournalEntry } from './journal-entry.ts';
import { isForEver } from './store.ts';

type Revoked = Extract<JournalEntry, { kind: 'certificate-revoked' }>;
type Unheld = Extract<JournalEntry, { kind: 'certificate-unheld' }>;

/** What all entries about one certificate come to. */
export type Governing =
  | { readonly kind: 'revoked'; readonly entry: Revoked }
  /** The hold of `heldAtMs` was lifted, and with it those before it. */
  | { readonly kind: 'lifted'; readonly certificateId: CertificateId; readonly heldAtMs: number };

/** A revocation that is no hold is for ever, wherever it stands; of a hold and its end the later entry governs. */
export function foldJournal(entries: readonly JournalEntry[]): ReadonlyMap<CertificateId, Governing> {
  const governing = new Map<CertificateId, Governing>();
  for (const entry of entries) {
    if (!isOfCertificate(entry)) continue;
    const before = governing.get(entry.certificateId);
    if (before?.kind === 'revoked' && isForEver(before.entry.reason)) continue;
    const { certificateId } = entry;
    if (entry.kind === 'certificate-revoked') governing.set(certificateId, { kind: 'revoked', entry });
    else governing.set(certificateId, { kind: 'lifted', certificateId, heldAtMs: entry.heldAtMs });
  }
  return governing;
}

/** The vendor CAs that are closed, by the last entry about each. */
export function closedVendorCas(entries: readonly JournalEntry[]): Set<CertificateId> {
  const closed = new Set<CertificateId>();
  for (const { kind, certificateId } of entries) {
    if (kind === 'vendor-ca-closed') closed.add(certificateId);
    if (kind === 'vendor-ca-opened') closed.delete(certificateId);
  }
  return closed;
}

function isOfCertificate(entry: JournalEntry): entry is Revoked | Unheld {
  return entry.kind === 'certificate-revoked' || entry.kind === 'certificate-unheld';
}
