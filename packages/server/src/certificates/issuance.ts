import { hash } from 'node:crypto';
import type { CertificateId, Clock, Random, Signer } from '@fleetward/core';
import {
  type Certificate,
  type CertificateContent,
  type GeneralName,
  issueCertificate,
  issueTogether,
  type LeafProfileName,
  makeName,
  type PublicKey,
} from '@fleetward/pki';
import type { Authority } from './authorities.ts';
import { namesOnce } from './given-names.ts';
import { validityOf } from './rules.ts';
import type { CertificateRecord, CertificateState } from './store.ts';

/** A certificate to be made. The subject is a common name and nothing else: a CSR's wishes are not copied. */
export interface SignRequest {
  readonly profile: LeafProfileName;
  readonly commonName: string;
  readonly publicKey: PublicKey;
  readonly subjectAltName?: readonly GeneralName[];
  /** In place of what the settings have for the profile. */
  readonly validityDays?: number;
  /** What it is recorded as; `ACTIVE` unless said. */
  readonly state?: Exclude<CertificateState, 'REVOKED'>;
  /** The certificate that its holder renews with it. */
  readonly renews?: CertificateId;
}

/** Signed, and not yet part of the platform: only once it is recorded may anybody be given it. */
export interface SignedCertificate {
  readonly certificate: Certificate;
  readonly record: CertificateRecord;
  /** Leaf first, without the root. */
  readonly chain: readonly Certificate[];
}

export interface IssuancePorts {
  readonly issuer: Authority;
  /** The issuer, and what else a peer may need to reach the root it trusts. */
  readonly above: readonly Certificate[];
  readonly signer: Signer;
  readonly clock: Clock;
  readonly random: Random;
  readonly validityDaysOf: (profile: LeafProfileName) => number;
  readonly givenNames: (profile: LeafProfileName, commonName: string) => readonly GeneralName[];
  /** Where the issuer's CRL will be found. */
  readonly crlUrl: string;
  readonly ocspUrl: string;
}

/** As `signCertificate` for many: all are signed, in their order, or none is. */
export async function signTogether(
  requests: readonly SignRequest[],
  ports: IssuancePorts,
): Promise<readonly SignedCertificate[]> {
  const { issuer, above, signer, random, clock } = ports;
  const issuedAtMs = clock.now();
  const contents = requests.map((request) => contentOf(request, { ...ports, nowMs: issuedAtMs }));
  const certificates = await issueTogether({ issuer: issuer.certificate, signer, random, contents });
  return requests.map((request, at) => signedOf(certificates[at], { request, issuer, above, issuedAtMs }));
}

/** Build, lint and sign by the issuing authority. Not for use inside a transaction: it waits for the signing process. */
export async function signCertificate(
  request: SignRequest,
  ports: IssuancePorts,
): Promise<SignedCertificate> {
  const { issuer, above, signer, clock, random } = ports;
  const issuedAtMs = clock.now();
  const content = contentOf(request, { ...ports, nowMs: issuedAtMs });
  const certificate = await issueCertificate({ ...content, issuer: issuer.certificate, signer, random });
  return signedOf(certificate, { request, issuer, above, issuedAtMs });
}

function contentOf(
  request: SignRequest,
  ports: Pick<IssuancePorts, 'issuer' | 'validityDaysOf' | 'givenNames' | 'crlUrl' | 'ocspUrl'> & {
    readonly nowMs: number;
  },
): Omit<CertificateContent, 'issuer'> {
  const { issuer, nowMs, crlUrl, ocspUrl } = ports;
  const days = request.validityDays ?? ports.validityDaysOf(request.profile);
  const given = ports.givenNames(request.profile, request.commonName);
  const subjectAltName = namesOnce(request.subjectAltName ?? [], given);
  return {
    profile: request.profile,
    subject: makeName([['commonName', request.commonName]]),
    publicKey: request.publicKey,
    ...validityOf(issuer.certificate, { nowMs, days }),
    ...(subjectAltName.length === 0 ? {} : { subjectAltName }),
    crlUrls: [crlUrl],
    ocspUrls: [ocspUrl],
  };
}

function signedOf(
  certificate: Certificate | undefined,
  facts: Pick<IssuancePorts, 'issuer' | 'above'> & {
    readonly request: SignRequest;
    readonly issuedAtMs: number;
  },
): SignedCertificate {
  if (certificate === undefined) throw new TypeError('fewer certificates than requests');
  const { request, issuer, above, issuedAtMs } = facts;
  const { profile, state = 'ACTIVE', renews } = request;
  const own = { ...recordOf(certificate, { issuer, profile, issuedAtMs }), state };
  const record = renews === undefined ? own : { ...own, renews };
  return { certificate, record, chain: [certificate, ...above] };
}

/** Lower-case hex SHA-256 of a SubjectPublicKeyInfo. */
export function publicKeyHash(publicKey: PublicKey): string {
  return hash('sha256', publicKey.spki, 'hex');
}

/** `issuedAtMs`: when the platform issued it, or took it up where a vendor did. */
export function recordOf(
  certificate: Certificate,
  facts: Pick<CertificateRecord, 'profile' | 'issuedAtMs'> & {
    readonly issuer: Pick<Authority, 'certificateId'>;
  },
): Omit<CertificateRecord, 'state'> {
  const { issuer, profile, issuedAtMs } = facts;
  const { id, serial, der, subject, notBeforeMs, notAfterMs, publicKey } = certificate;
  return {
    certificateId: id,
    serial,
    issuerId: issuer.certificateId,
    profile,
    der,
    subject: subject.text,
    notBeforeMs,
    notAfterMs,
    issuedAtMs,
    publicKeyHash: publicKeyHash(publicKey),
  };
}
