import { createHash } from 'node:crypto';
import type { Clock, Random, Signer } from '@fleetward/core';
import {
  type Certificate,
  type GeneralName,
  issueCertificate,
  type LeafProfileName,
  makeName,
  type PublicKey,
} from '@fleetward/pki';
import type { Authority } from './authorities.ts';
import { validityOf } from './rules.ts';
import type { CertificateRecord, CertificateState } from './store.ts';

/** A certificate to be made. The subject is a common name and nothing else: a CSR's wishes are not copied. */
export interface SignRequest {
  readonly profile: LeafProfileName;
  readonly commonName: string;
  readonly publicKey: PublicKey;
  readonly subjectAltName?: readonly GeneralName[];
  /** What it is recorded as; `ACTIVE` unless said. */
  readonly state?: Exclude<CertificateState, 'REVOKED'>;
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
  readonly validityDays: number;
  /** Where the issuer's CRL will be found. */
  readonly crlUrl: string;
  readonly ocspUrl: string;
}

/** Build, lint and sign by the issuing authority. Not for use inside a transaction: it waits for the signing process. */
export async function signCertificate(
  request: SignRequest,
  ports: IssuancePorts,
): Promise<SignedCertificate> {
  const { issuer, above, signer, clock, random, validityDays: days, crlUrl, ocspUrl } = ports;
  const nowMs = clock.now();
  const certificate = await issueCertificate({
    profile: request.profile,
    issuer: issuer.certificate,
    subject: makeName([['commonName', request.commonName]]),
    publicKey: request.publicKey,
    ...validityOf(issuer.certificate, { nowMs, days }),
    ...(request.subjectAltName === undefined ? {} : { subjectAltName: request.subjectAltName }),
    crlUrls: [crlUrl],
    ocspUrls: [ocspUrl],
    signer,
    random,
  });
  const facts = { issuer, profile: request.profile, issuedAtMs: nowMs };
  const record = { ...recordOf(certificate, facts), state: request.state ?? 'ACTIVE' };
  return { certificate, record, chain: [certificate, ...above] };
}

/** Lower-case hex SHA-256 of a SubjectPublicKeyInfo. */
export function publicKeyHash(publicKey: PublicKey): string {
  return createHash('sha256').update(publicKey.spki).digest('hex');
}

function recordOf(
  certificate: Certificate,
  facts: Pick<CertificateRecord, 'profile' | 'issuedAtMs'> & { readonly issuer: Authority },
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
