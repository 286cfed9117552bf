import type { MetaFile } from '@tufjs/models';
import { sha256Hex } from '../metadata/key.ts';
import { ok, refuse, type Step } from './outcome.ts';

/** Whether bytes have the length and SHA-256 that a parent file gives them, where it gives any. */
export function matchesMetaFile(
  bytes: Uint8Array,
  { step, subject, meta, as }: { step: string; subject: string; meta: MetaFile; as: string },
): Step<Uint8Array> {
  if (meta.length !== undefined && bytes.length !== meta.length) {
    const explanation = `${bytes.length} bytes; ${as} names ${meta.length}`;
    return refuse(step, { subject, reason: 'length-mismatch', explanation });
  }
  const expected = meta.hashes?.sha256;
  if (expected === undefined || sha256Hex(bytes) === expected) return ok(bytes);
  return refuse(step, {
    subject,
    reason: 'hash-mismatch',
    explanation: `its SHA-256 is not the one ${as} names`,
  });
}
