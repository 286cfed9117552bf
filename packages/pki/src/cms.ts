import { type Certificate, parseCertificate } from './certificate/certificate.ts';
import type { DerReader } from './der/reader.ts';
import { openDer } from './der/reader.ts';
import { contextConstructed, tags } from './der/tags.ts';
import { readOid, readSmallInteger } from './der/values.ts';
import { element, explicit, oid, sequence, setOf, smallInteger } from './der/writer.ts';
import { PkiError } from './errors.ts';
import { limits } from './limits.ts';
import { otherOids } from './oids.ts';

/** A degenerate CMS SignedData that carries certificates in the order given (RFC 7030 §4.1.3, RFC 5652 §5.1). */
export function certsOnly(certificates: readonly Pick<Certificate, 'der'>[]): Uint8Array {
  const signedData = sequence(
    smallInteger(1),
    setOf(),
    sequence(oid(otherOids.cmsData)),
    element(contextConstructed(0), ...certificates.map(({ der }) => der)),
    setOf(),
  );
  return sequence(oid(otherOids.cmsSignedData), explicit(0, signedData));
}

/** Reads what `certsOnly` and EST servers write, strictly DER. CRLs in it are passed over; signers are refused. */
export function parseCertsOnly(der: Uint8Array): readonly Certificate[] {
  const reader = openDer(der, limits.cmsBytesMax);
  const contentInfo = reader.enter(tags.sequence, 'the CMS message');
  reader.end('the CMS message');
  expectType(contentInfo, otherOids.cmsSignedData);
  const explicitContent = contentInfo.enter(contextConstructed(0), 'the CMS content');
  contentInfo.end('the CMS message');
  const certificates = readSignedData(explicitContent.enter(tags.sequence, 'the CMS signed data'));
  explicitContent.end('the CMS content');
  return certificates;
}

function readSignedData(signedData: DerReader): readonly Certificate[] {
  const version = readSmallInteger(signedData, 'the CMS version');
  if (version !== 1 && version !== 3)
    throw new PkiError('pki.cms', `the CMS version \`${version}\` is not 1 or 3`);
  signedData
    .enter(tags.set, 'the CMS digest algorithms')
    .end('the CMS digest algorithms of a message without signers');
  const content = signedData.enter(tags.sequence, 'the CMS encapsulated content');
  expectType(content, otherOids.cmsData);
  content.end('the CMS encapsulated content of a certs-only message');
  const certificates = readCertificates(signedData.enter(contextConstructed(0), 'the CMS certificates'));
  if (signedData.peekTag() === contextConstructed(1)) signedData.any('the CMS CRLs');
  signedData.enter(tags.set, 'the CMS signers').end('the CMS signers of a certs-only message');
  signedData.end('the CMS signed data');
  return certificates;
}

function expectType(reader: DerReader, expected: string): void {
  const found = readOid(reader, 'the CMS content type');
  if (found !== expected)
    throw new PkiError('pki.cms', `the CMS content type is \`${found}\`, expected ${expected}`);
}

function readCertificates(set: DerReader): readonly Certificate[] {
  const certificates: Certificate[] = [];
  while (!set.done) {
    if (certificates.length >= limits.cmsCertificatesMax)
      throw new PkiError('pki.cms', `more than ${limits.cmsCertificatesMax} certificates in one message`);
    certificates.push(parseCertificate(set.any('a CMS certificate')));
  }
  return certificates;
}
