import { canonicalJson, InvalidInputError } from '@fleetward/core';
import { CertificatesError } from '../src/certificates/errors.ts';
import { type JournalEntry, parseJournalLine } from '../src/certificates/journal-entry.ts';
import { closedVendorCas, foldJournal } from '../src/certificates/journal-fold.ts';

const certificateId = 'ab'.repeat(32);
const about = { certificateId, issuerId: 'cd'.repeat(32), serial: '4f', notAfterMs: 9e12, revokedAtMs: 5 };
const lines = [
  { kind: 'certificate-revoked', ...about, reason: 'keyCompromise' },
  { kind: 'certificate-revoked', ...about, reason: 'certificateHold' },
  { kind: 'certificate-unheld', certificateId, heldAtMs: 5, unheldAtMs: 6 },
  { kind: 'authority-removed', certificateId, removedAtMs: 7 },
  { kind: 'vendor-ca-closed', certificateId, atMs: 8 },
  { kind: 'vendor-ca-opened', certificateId, atMs: 9 },
].map((entry) => JSON.stringify(entry));

export const seeds: readonly Uint8Array[] = [...lines, lines.join('\n')].map((text) => Buffer.from(text));

/** Whatever stands in the journal is an entry with one text or refused, and nothing takes a revocation that is for ever back. */
export function fuzz(input: Uint8Array): void {
  const entries = Buffer.from(input).toString('utf8').split('\n').flatMap(read);
  closedVendorCas(entries);
  const governing = foldJournal(entries);
  for (const entry of entries)
    if (entry.kind === 'certificate-revoked' && entry.reason !== 'certificateHold')
      if (governing.get(entry.certificateId)?.kind !== 'revoked') throw new Error('un-revoked');
}

function read(line: string): readonly JournalEntry[] {
  try {
    const entry = parseJournalLine(line);
    const text = canonicalJson(entry);
    if (canonicalJson(parseJournalLine(text)) !== text) throw new Error('an entry has two texts');
    return [entry];
  } catch (error) {
    if (error instanceof InvalidInputError || error instanceof CertificatesError) return [];
    throw error;
  }
}
