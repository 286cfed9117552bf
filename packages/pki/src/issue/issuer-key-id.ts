import type { Certificate } from '../certificate/certificate.ts';
import { PkiError } from '../errors.ts';

/** The key identifier, in hex, that what this CA signs must point to (RFC 5280 §4.2.1.1). */
export function issuerKeyId(issuer: Certificate): string {
  const keyId = issuer.extensions.subjectKeyId;
  if (keyId !== undefined) return keyId;
  throw new PkiError('pki.issue', `the issuer \`${issuer.subject.text}\` has no subject key identifier`);
}
