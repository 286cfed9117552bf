import { equalBytes, type Random, type Signer } from '@fleetward/core';
import { type Certificate, isSignedBy, parseCertificate } from '../certificate/certificate.ts';
import { bitString, sequence } from '../der/writer.ts';
import { PkiError } from '../errors.ts';
import { encodeSignatureAlgorithm } from '../signature.ts';
import { buildTbsCertificate, type CertificateContent } from './build-tbs-certificate.ts';
import { lintTbsCertificate } from './lint-certificate.ts';

const serialOctets = 16;

/** `signer` holds the issuer's key: for a root, the subject's own. */
export interface IssueRequest extends CertificateContent {
  readonly signer: Signer;
  readonly random: Random;
}

/**
 * Build, lint, sign, assemble, verify. A self-signed root is the same with `issuer: 'self'`. Throws `pki.lint` or
 * `pki.issue`; no certificate exists then.
 */
export async function issueCertificate(request: IssueRequest): Promise<Certificate> {
  const { signer, issuer, profile } = request;
  assertIssuerFits(request);
  const tbs = buildTbsCertificate(request, {
    algorithm: signer.algorithm,
    serial: newSerials(1, request.random)[0]!,
  });
  lintTbsCertificate(tbs, profile);
  const signature = await signer.sign(tbs);
  const der = sequence(tbs, encodeSignatureAlgorithm(signer.algorithm), bitString(signature));
  const certificate = parseCertificate(der);
  if (!isSignedBy(certificate, issuer === 'self' ? certificate : issuer))
    throw new PkiError('pki.issue', 'the signer returned a signature that does not verify');
  return certificate;
}

/** Throws `pki.issue` when `signer` is not the issuer's, or the issuer may not sign this. */
export function assertIssuerFits(request: Omit<IssueRequest, 'random'>): void {
  const { issuer, signer, publicKey, notBeforeMs, notAfterMs } = request;
  const issuerKey = issuer === 'self' ? publicKey : issuer.publicKey;
  if (!equalBytes(issuerKey.spki, signer.publicKey))
    throw new PkiError('pki.issue', "the signer's key is not the issuer's");
  if (issuer === 'self') return;
  if (issuer.extensions.basicConstraints?.ca !== true)
    throw new PkiError('pki.issue', `\`${issuer.subject.text}\` is not a CA`);
  if (notBeforeMs < issuer.notBeforeMs || notAfterMs > issuer.notAfterMs)
    throw new PkiError('pki.issue', 'the validity reaches beyond that of the issuer', {
      details: { issuerNotBeforeMs: issuer.notBeforeMs, issuerNotAfterMs: issuer.notAfterMs },
    });
}

/** Each of sixteen octets with the top bit off and the next one on: positive, never padded, 126 random bits. */
export function newSerials(count: number, random: Random): readonly Uint8Array[] {
  const octets = Uint8Array.from(random.bytes(count * serialOctets));
  return Array.from({ length: count }, (_, at) => {
    const serial = octets.subarray(at * serialOctets, (at + 1) * serialOctets);
    serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
    return serial;
  });
}
