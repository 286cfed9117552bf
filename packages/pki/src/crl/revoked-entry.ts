import { readExtension } from '../certificate/extensions.ts';
import { serialHex } from '../certificate/tbs-certificate.ts';
import type { DerReader } from '../der/reader.ts';
import { openDer } from '../der/reader.ts';
import { tags } from '../der/tags.ts';
import { readTime } from '../der/time.ts';
import { readInteger, readSmallInteger } from '../der/values.ts';
import { PkiError } from '../errors.ts';
import { limits } from '../limits.ts';
import { extensionOids } from '../oids.ts';
import { type RevocationReason, revocationReasonOf } from './revocation-reason.ts';

export interface RevokedEntry {
  readonly revokedAtMs: number;
  readonly reason: RevocationReason;
}

/** Reads `revokedCertificates` (RFC 5280 §5.1.2.6) into a map by serial number; none may stand there twice. */
export function readRevokedEntries(tbs: DerReader): ReadonlyMap<string, RevokedEntry> {
  const list = tbs.enter(tags.sequence, 'the revoked certificates');
  const revoked = new Map<string, RevokedEntry>();
  do {
    if (revoked.size >= limits.crlEntriesMax)
      throw new PkiError('pki.too_large', `the CRL has more than ${limits.crlEntriesMax} entries`);
    const entry = list.enter(tags.sequence, 'a revoked certificate');
    const serial = serialHex(readInteger(entry, 'a revoked serial number'));
    if (revoked.has(serial))
      throw new PkiError('pki.crl', `the serial number \`${serial}\` is revoked twice`);
    revoked.set(serial, readEntry(entry));
  } while (!list.done);
  return revoked;
}

function readEntry(entry: DerReader): RevokedEntry {
  const revokedAtMs = readTime(entry, 'a revocation date');
  const reason = entry.done
    ? 'unspecified'
    : readEntryExtensions(entry.enter(tags.sequence, "an entry's extensions"));
  entry.end('a revoked certificate');
  return { revokedAtMs, reason };
}

function readEntryExtensions(extensions: DerReader): RevocationReason {
  let reason: RevocationReason | undefined;
  for (let count = 0; count === 0 || !extensions.done; count++) {
    const { oid, critical, value } = readExtension(extensions);
    if (count >= limits.extensionsMax || (oid === extensionOids.crlReason && reason !== undefined))
      throw new PkiError('pki.crl', 'an entry has an extension twice or one too many');
    if (oid === extensionOids.crlReason) reason = readReason(value);
    else if (critical)
      throw new PkiError('pki.crl', `an entry has the unknown critical extension \`${oid}\``);
  }
  return reason ?? 'unspecified';
}

function readReason(value: Uint8Array): RevocationReason {
  const reader = openDer(value, limits.certificateBytesMax);
  const number = readSmallInteger(reader, 'a revocation reason', tags.enumerated);
  reader.end('a revocation reason');
  const reason = revocationReasonOf(number);
  if (reason === undefined)
    throw new PkiError('pki.crl', `the revocation reason \`${number}\` does not exist`);
  return reason;
}
