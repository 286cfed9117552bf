import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { parseCertificateId, toHex } from '@fleetward/core';
import { seededRandom, type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type JournalEntry, parseJournalLine } from '../../src/certificates/journal-entry.ts';
import { RevocationJournal } from '../../src/certificates/revocation-journal.ts';

const random = seededRandom('journal');
let folder: TemporaryFolder;
let path: string;

beforeEach(() => {
  folder = temporaryFolder();
  path = folder.join('revocations.jsonl');
});

afterEach(() => folder.remove());

function newEntry(): JournalEntry {
  return {
    kind: 'certificate-revoked',
    certificateId: parseCertificateId(toHex(random.bytes(32))),
    issuerId: parseCertificateId(toHex(random.bytes(32))),
    serial: '4a01',
    notAfterMs: 2_000_000_000_000,
    revokedAtMs: 1_700_000_000_000,
    reason: 'keyCompromise',
  };
}

async function readAll(): Promise<readonly JournalEntry[]> {
  const { journal, entries } = await RevocationJournal.open(path);
  await journal.close();
  return entries;
}

test('entries appended at once are all there, in order, in a private file', async () => {
  const { journal } = await RevocationJournal.open(path);
  const entries = Array.from({ length: 100 }, newEntry);
  await Promise.all(entries.map((entry) => journal.append(entry)));
  await journal.close();
  expect(await readAll()).toEqual(entries);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('wherever a crash cuts the file, what was whole is read and the next entry follows it', async () => {
  const { journal } = await RevocationJournal.open(path);
  const entries = Array.from({ length: 5 }, newEntry);
  for (const entry of entries) await journal.append(entry);
  await journal.close();
  const whole = readFileSync(path);
  const lineEnds = [...whole.entries()].filter(([, byte]) => byte === 0x0a).map(([at]) => at + 1);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: whole.length }), async (cut) => {
      writeFileSync(path, whole.subarray(0, cut));
      const survivors = entries.slice(0, lineEnds.filter((end) => end <= cut).length);
      const reopened = await RevocationJournal.open(path);
      expect(reopened.entries).toEqual(survivors);
      const next = newEntry();
      await reopened.journal.append(next);
      await reopened.journal.close();
      expect(await readAll()).toEqual([...survivors, next]);
    }),
    { numRuns: 60 },
  );
});

test('a damaged line that was whole is not passed over', async () => {
  const { journal } = await RevocationJournal.open(path);
  for (const entry of [newEntry(), newEntry()]) await journal.append(entry);
  await journal.close();
  const bytes = readFileSync(path);
  bytes[3] = 0x00;
  writeFileSync(path, bytes);
  await expect(RevocationJournal.open(path)).rejects.toMatchObject({
    code: 'certificates.journal_unreadable',
    message: expect.stringContaining('line 1'),
  });
});

test('an append that cannot be written is refused, and says that nothing changed', async () => {
  const { journal } = await RevocationJournal.open(path);
  await journal.close();
  await expect(journal.append(newEntry())).rejects.toMatchObject({ code: 'certificates.journal_failed' });
});

test('a line is read back as it was, and anything else is refused', () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
      expect(() => parseJournalLine(text)).toThrow();
    }),
  );
  const revoked = newEntry();
  const { certificateId } = revoked;
  const unheld = { kind: 'certificate-unheld', certificateId, heldAtMs: 1, unheldAtMs: 2 };
  for (const entry of [revoked, unheld]) expect(parseJournalLine(JSON.stringify(entry))).toEqual(entry);
});
