import { type CertificateId, fromHex } from '@fleetward/core';
import { leafHash } from './merkle.ts';

/** One issued certificate in the log. */
export interface IssuanceLogEntry {
  /** 0, 1, 2, … without a gap. */
  readonly index: number;
  /** When it was entered; milliseconds since the epoch. */
  readonly at: number;
  /** SHA-256 of the certificate's DER: whoever holds the certificate can compute it. */
  readonly certificateId: CertificateId;
}

const versionBytes = 1;
const timeBytes = 8;
const idBytes = 32;
const version = 1;

/** The hash of its leaf: version 1 (one byte), `at` (eight bytes, big-endian), the certificate's SHA-256. */
export function entryHash({ at, certificateId }: Omit<IssuanceLogEntry, 'index'>): Uint8Array {
  const leaf = new Uint8Array(versionBytes + timeBytes + idBytes);
  const view = new DataView(leaf.buffer);
  view.setUint8(0, version);
  view.setBigUint64(versionBytes, BigInt(at));
  leaf.set(fromHex(certificateId), versionBytes + timeBytes);
  return leafHash(leaf);
}
