import { type CertificateId, parseStrictJson } from '@fleetward/core';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { CertificatesError } from './errors.ts';
import type { RevocationReason } from './store.ts';

const id = Type.Unsafe<CertificateId>(Type.String({ pattern: '^[0-9a-f]{64}$' }));
const timeMs = Type.Integer({ minimum: 0 });

const revocationReasons = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'privilegeWithdrawn',
  'certificateHold',
] as const satisfies readonly RevocationReason[];

const revoked = Type.Object(
  {
    kind: Type.Literal('certificate-revoked'),
    certificateId: id,
    issuerId: id,
    serial: Type.String({ pattern: '^[0-9a-f]{1,40}$' }),
    notAfterMs: timeMs,
    revokedAtMs: timeMs,
    reason: Type.Enum([...revocationReasons]),
  },
  { additionalProperties: false },
);

/** Ends the hold of `heldAtMs`, and no other. */
const unheld = Type.Object(
  { kind: Type.Literal('certificate-unheld'), certificateId: id, heldAtMs: timeMs, unheldAtMs: timeMs },
  { additionalProperties: false },
);

const authorityRemoved = Type.Object(
  { kind: Type.Literal('authority-removed'), certificateId: id, removedAtMs: timeMs },
  { additionalProperties: false },
);

/** Of a CA of somebody else: the last of these about it governs. */
const vendorCa = Type.Object(
  {
    kind: Type.Enum(['vendor-ca-closed', 'vendor-ca-opened']),
    certificateId: id,
    atMs: timeMs,
  },
  { additionalProperties: false },
);

/** What a restored database must not undo, as the journal keeps it. */
export type JournalEntry =
  | Readonly<Static<typeof revoked>>
  | Readonly<Static<typeof unheld>>
  | Readonly<Static<typeof authorityRemoved>>
  | Readonly<Static<typeof vendorCa>>;

/** Parses one line. Throws `InvalidInputError` or `certificates.journal_unreadable`. */
export function parseJournalLine(line: string): JournalEntry {
  const value = parseStrictJson(line, { bytesMax: 4096, depthMax: 2 });
  if (Value.Check(revoked, value)) return value;
  if (Value.Check(unheld, value)) return value;
  if (Value.Check(authorityRemoved, value)) return value;
  if (Value.Check(vendorCa, value)) return value;
  throw new CertificatesError('certificates.journal_unreadable', 'not an entry of the revocation journal');
}
