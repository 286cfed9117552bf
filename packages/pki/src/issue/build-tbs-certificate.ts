import { type SignerAlgorithm, toHex } from '@fleetward/core';
import type { Certificate } from '../certificate/certificate.ts';
import { encodeTime } from '../der/time.ts';
import { explicit, sequence, smallInteger, unsigned } from '../der/writer.ts';
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
import { issuerKeyId } from './issuer-key-id.ts';
import { type Profile, type ProfileName, profiles, profileUris } from './profiles.ts';

/** What one certificate says beyond its profile. */
export interface CertificateContent {
  readonly profile: ProfileName;
  /** The CA that signs, or `self` for a root. */
  readonly issuer: Certificate | 'self';
  readonly subject: Name;
  readonly publicKey: PublicKey;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Beside those of the profile's templates. */
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
  const { issuer, subject, publicKey } = content;
  const subjectKeyId = keyIdentifier(publicKey);
  return encodeTbsCertificate({
    ...content,
    ...frame,
    issuerName: issuer === 'self' ? subject : issuer.subject,
    subjectAltName: altNamesOf(content),
    subjectKeyId,
    authorityKeyId: issuer === 'self' ? toHex(subjectKeyId) : issuerKeyId(issuer),
  });
}

function altNamesOf({ profile, subject, subjectAltName = [] }: CertificateContent): readonly GeneralName[] {
  const [commonName] = subject.attributes.commonName ?? [];
  if (commonName === undefined) return subjectAltName;
  const own = profileUris(profiles[profile], commonName);
  return [...own.map((value): GeneralName => ({ kind: 'uri', value })), ...subjectAltName];
}

/** Every field of a certificate of ours, nothing left to be derived. */
export interface TbsFields extends Omit<CertificateContent, 'issuer'>, TbsFrame {
  readonly issuerName: Name;
  readonly subjectKeyId: Uint8Array;
  /** Hex. */
  readonly authorityKeyId: string;
}

/** The one encoding of these fields; the linter compares what it is given with it. */
export function encodeTbsCertificate(fields: TbsFields): Uint8Array {
  return sequence(
    explicit(0, smallInteger(2)),
    unsigned(fields.serial),
    encodeSignatureAlgorithm(fields.algorithm),
    fields.issuerName.der,
    sequence(encodeTime(fields.notBeforeMs), encodeTime(fields.notAfterMs)),
    fields.subject.der,
    fields.publicKey.spki,
    explicit(3, sequence(...encodeExtensions(fields, profiles[fields.profile]))),
  );
}

function encodeExtensions(fields: TbsFields, profile: Profile): readonly Uint8Array[] {
  const { subjectAltName = [], crlUrls = [], ocspUrls = [] } = fields;
  return [
    ...profileExtensions(profile),
    encodeSubjectKeyId(fields.subjectKeyId),
    encodeAuthorityKeyId(fields.authorityKeyId),
    ...(subjectAltName.length > 0 ? [encodeSubjectAltName(subjectAltName)] : []),
    ...(crlUrls.length > 0 ? [encodeCrlDistributionPoints(crlUrls)] : []),
    ...(ocspUrls.length > 0 ? [encodeOcspUrls(ocspUrls)] : []),
  ];
}

const encodedProfiles = new WeakMap<Profile, readonly Uint8Array[]>();

/** Those that are the same in every certificate of the profile. */
function profileExtensions(profile: Profile): readonly Uint8Array[] {
  const known = encodedProfiles.get(profile);
  if (known !== undefined) return known;
  const encoded = [
    ...(profile.ca ? [encodeBasicConstraints(profile.pathLen)] : []),
    encodeKeyUsage(profile.keyUsage),
    ...(profile.extendedKeyUsage.length > 0 ? [encodeExtendedKeyUsage(profile.extendedKeyUsage)] : []),
  ];
  encodedProfiles.set(profile, encoded);
  return encoded;
}
