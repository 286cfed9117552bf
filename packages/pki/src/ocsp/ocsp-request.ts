import { readExtension } from '../certificate/extensions.ts';
import { type DerReader, openDer } from '../der/reader.ts';
import { contextConstructed, tags } from '../der/tags.ts';
import { readSmallInteger } from '../der/values.ts';
import { PkiError } from '../errors.ts';
import { limits } from '../limits.ts';
import { otherOids } from '../oids.ts';
import { type CertId, readCertId } from './cert-id.ts';

/** What a client asks (RFC 6960 §4.1). */
export interface OcspRequest {
  /** At least one. */
  readonly certIds: readonly CertId[];
  /** An OCTET STRING, DER, as it came (RFC 9654 §2.1). */
  readonly nonce: Uint8Array | undefined;
}

/**
 * Parses one DER OCSPRequest. A signature on it is read past: who asks does not matter. Throws `PkiError` for what is malformed,
 * has more than 8 certificates, or a critical extension that is not ours.
 */
export function parseOcspRequest(der: Uint8Array): OcspRequest {
  const outer = openDer(der, limits.ocspRequestBytesMax);
  const request = outer.enter(tags.sequence, 'the OCSP request');
  outer.end('the OCSP request');
  const tbs = request.enter(tags.sequence, 'tbsRequest');
  if (!request.done) request.any("the OCSP request's signature");
  request.end('the OCSP request');
  readVersion(tbs);
  if (tbs.peekTag() === contextConstructed(1)) tbs.any("the requestor's name");
  const certIds = readRequestList(tbs.enter(tags.sequence, 'requestList'));
  const nonce = tbs.done ? undefined : readNonce(tbs.enter(contextConstructed(2), 'requestExtensions'));
  tbs.end('tbsRequest');
  return { certIds, nonce };
}

function readVersion(tbs: DerReader): void {
  if (tbs.peekTag() !== contextConstructed(0)) return;
  const explicit = tbs.enter(contextConstructed(0), 'the version');
  if (readSmallInteger(explicit, 'the version') !== 0)
    throw new PkiError('pki.ocsp', 'the request is not of version 1 (RFC 6960 section 4.1.1)');
  explicit.end('the version');
}

function readRequestList(list: DerReader): readonly CertId[] {
  const certIds: CertId[] = [];
  while (!list.done) {
    if (certIds.length === limits.ocspCertificatesMax)
      throw new PkiError('pki.ocsp', `more than ${limits.ocspCertificatesMax} certificates are asked about`);
    const single = list.enter(tags.sequence, 'a request');
    certIds.push(readCertId(single));
    if (!single.done) readExtensions(single.enter(contextConstructed(0), 'singleRequestExtensions'));
    single.end('a request');
  }
  if (certIds.length === 0) throw new PkiError('pki.ocsp', 'no certificate is asked about');
  return certIds;
}

function readNonce(explicit: DerReader): Uint8Array | undefined {
  const nonce = readExtensions(explicit).get(otherOids.ocspNonce);
  if (nonce === undefined) return undefined;
  const reader = openDer(nonce, limits.ocspRequestBytesMax);
  const { length } = reader.content(tags.octetString, 'the nonce');
  reader.end('the nonce');
  if (length < 1 || length > 128)
    throw new PkiError(
      'pki.ocsp',
      `a nonce of ${length} octets; 1 to 128 are allowed (RFC 9654 section 2.1)`,
    );
  return nonce;
}

function readExtensions(explicit: DerReader): ReadonlyMap<string, Uint8Array> {
  const list = explicit.enter(tags.sequence, 'the extensions');
  explicit.end('the extensions');
  const values = new Map<string, Uint8Array>();
  while (!list.done) {
    const { oid, critical, value } = readExtension(list);
    if (values.has(oid) || values.size >= limits.extensionsMax)
      throw new PkiError('pki.ocsp', `the extension \`${oid}\` is given twice or one too many`);
    if (critical && oid !== otherOids.ocspNonce)
      throw new PkiError('pki.ocsp', `the critical extension \`${oid}\` is not known`);
    values.set(oid, value);
  }
  return values;
}
