import { hash } from 'node:crypto';
import { type CertificateId, equalBytes, parseCertificateId } from '@fleetward/core';
import { limits } from '../limits.ts';
import { verifySignature } from '../signature.ts';
import { assertSameAlgorithm, parseSigned } from '../signed.ts';
import { readTbsCertificate, type TbsCertificate } from './tbs-certificate.ts';

/** A parsed certificate (RFC 5280 §4.1). Parsed means readable, not trusted: `validatePath` decides. */
export interface Certificate extends TbsCertificate {
  readonly der: Uint8Array;
  /** The signed part, header included. */
  readonly tbs: Uint8Array;
  readonly signature: Uint8Array;
  /** SHA-256 of `der`. */
  readonly id: CertificateId;
}

/** Parses one DER certificate. Throws `PkiError`; holds views into `der`, which must not be changed afterwards. */
export function parseCertificate(der: Uint8Array): Certificate {
  const { tbs, body, signatureAlgorithm, signature } = parseSigned(der, {
    what: 'the certificate',
    bytesMax: limits.certificateBytesMax,
    readBody: readTbsCertificate,
  });
  assertSameAlgorithm(body.signatureAlgorithm, { algorithm: signatureAlgorithm, code: 'pki.certificate' });
  return { ...body, der, tbs, signature, id: certificateIdOf(der) };
}

/** Lower-case hex SHA-256 of a certificate's DER. */
export function certificateIdOf(der: Uint8Array): CertificateId {
  return parseCertificateId(hash('sha256', der, 'hex'));
}

/** Subject and issuer are the same name (RFC 5280 §6.1). */
export function isSelfIssued(certificate: Certificate): boolean {
  return equalBytes(certificate.subject.der, certificate.issuer.der);
}

/** Whether `issuer`'s key made this certificate's signature; says nothing about names or trust. */
export function isSignedBy(certificate: Certificate, issuer: Certificate): boolean {
  const { signatureAlgorithm: algorithm, tbs: message, signature } = certificate;
  return verifySignature(issuer.publicKey, { algorithm, message, signature });
}
