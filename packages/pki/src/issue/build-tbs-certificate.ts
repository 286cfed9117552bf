import { type SignerAlgorithm, toHex } from '@fleetward/core';
import type { Certificate } from '../certificate/certificate.ts';
import { encodeTime } from '../der/time.ts';
import { explicit, sequence, smallInteger, unsigned } from '../der/writer.ts';
import { PkiError } from '../errors.ts';
import type { GeneralName } from '../names/general-name.ts';
import type { Name } from '../names/name.ts';
import { keyIdentifier, type PublicKey } from '../public-key.ts';
import { encodeSignatureAlgorithm } from '../signature.ts';
import {
  encodeAuthorityKeyId,
  encodeBasicConstraints,
  encodeCrlDistributionPoints,
  encodeExtendedKeyUsage,
  encodeKeyUsage,
  encodeOcspUrls,
  encodeSubjectAltName,
  encodeSubjectKeyId,
} from './encode-extensions.ts';
import { type Profile, type ProfileName, profiles } from './profiles.ts';

/** What one certificate says beyond its profile. */
export interface CertificateContent {
  readonly profile: ProfileName;
  /** The CA that signs, or `self` for a root. */
  readonly issuer: Certificate | 'self';
  readonly subject: Name;
  readonly publicKey: PublicKey;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly subjectAltName?: readonly GeneralName[];
  readonly crlUrls?: readonly string[];
  readonly ocspUrls?: readonly string[];
}

export interface TbsFrame {
  readonly algorithm: SignerAlgorithm;
  /** Magnitude, most significant octet first. */
  readonly serial: Uint8Array;
}

/** The bytes to be signed for a certificate of a profile (RFC 5280 §4.1.2). Builds what it is told; the lint judges. */
export function buildTbsCertificate(content: CertificateContent, frame: TbsFrame): Uint8Array {
  const { issuer, subject } = content;
  return sequence(
    explicit(0, smallInteger(2)),
    unsigned(frame.serial),
    encodeSignatureAlgorithm(frame.algorithm),
    issuer === 'self' ? subject.der : issuer.subject.der,
    sequence(encodeTime(content.notBeforeMs), encodeTime(content.notAfterMs)),
    subject.der,
    content.publicKey.spki,
    explicit(3, sequence(...encodeExtensions(content, profiles[content.profile]))),
  );
}

function encodeExtensions(content: CertificateContent, profile: Profile): readonly Uint8Array[] {
  const { subjectAltName = [], crlUrls = [], ocspUrls = [] } = content;
  const subjectKeyId = keyIdentifier(content.publicKey);
  return [
    ...(profile.ca ? [encodeBasicConstraints(profile.pathLen)] : []),
    encodeKeyUsage(profile.keyUsage),
    ...(profile.extendedKeyUsage.length > 0 ? [encodeExtendedKeyUsage(profile.extendedKeyUsage)] : []),
    encodeSubjectKeyId(subjectKeyId),
    encodeAuthorityKeyId(issuerKeyId(content.issuer, subjectKeyId)),
    ...(subjectAltName.length > 0 ? [encodeSubjectAltName(subjectAltName)] : []),
    ...(crlUrls.length > 0 ? [encodeCrlDistributionPoints(crlUrls)] : []),
    ...(ocspUrls.length > 0 ? [encodeOcspUrls(ocspUrls)] : []),
  ];
}

function issuerKeyId(issuer: Certificate | 'self', own: Uint8Array): string {
  if (issuer === 'self') return toHex(own);
  const keyId = issuer.extensions.subjectKeyId;
  if (keyId !== undefined) return keyId;
  throw new PkiError('pki.issue', `the issuer \`${issuer.subject.text}\` has no subject key identifier`);
}
