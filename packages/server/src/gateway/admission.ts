import type { CertificateId, Clock } from '@fleetward/core';
import {
  type Certificate,
  type LeafProfileName,
  type PathOutcome,
  PkiError,
  parseCertificate,
  validatePath,
} from '@fleetward/pki';
import { type Certificates, isOnHold, speaksForThings } from '../certificates/index.ts';
import type { DenialCause } from '../denials/index.ts';
import { AcceptedPaths } from './accepted-paths.ts';
import type { KnownCertificates } from './known-certificates.ts';

/** What a finished TLS handshake says of the peer. */
export type Admission =
  | { readonly kind: 'admitted'; readonly certificateId: CertificateId; readonly certificate: Certificate }
  /** May ask for a certificate over MQTT and provision it, and nothing else. `explanation` says so. */
  | {
      readonly kind: 'claim';
      readonly certificateId: CertificateId;
      readonly certificate: Certificate;
      readonly explanation: string;
    }
  /** Expired, and within its grace: such a device may re-enrol, and nothing else. `explanation` says so. */
  | {
      readonly kind: 'renew-only';
      readonly certificateId: CertificateId;
      readonly certificate: Certificate;
      readonly explanation: string;
    }
  | { readonly kind: 'anonymous' }
  | {
      readonly kind: 'refused';
      readonly cause: DenialCause;
      readonly explanation: string;
      readonly certificateId?: CertificateId;
    };

export type Admit = (peerDer: Uint8Array | undefined) => Admission;

interface AdmissionParts {
  readonly certificates: Certificates;
  readonly known: KnownCertificates;
  readonly clock: Clock;
  /** How long after its end a certificate may still renew. */
  readonly graceMs: number;
}

interface Judge extends AdmissionParts {
  readonly paths: AcceptedPaths;
}

/**
 * "Who may speak" (docs/ARCHITECTURE.md): runs before the first application byte of every connection, resumed ones too,
 * since OpenSSL keeps a resumed session authorised after its CA is gone. Our own path validation, then the registry's state,
 * both in memory. Any doubt is a refusal.
 */
export function createAdmission(platform: AdmissionParts): Admit {
  const { known } = platform;
  const judging = { ...platform, paths: new AcceptedPaths() };
  return (peerDer) => {
    if (peerDer === undefined) return { kind: 'anonymous' };
    const leaf = readCertificate(peerDer, known);
    if (leaf.kind === 'refused') return leaf;
    try {
      const admission = judge(leaf.certificate, judging);
      if (admission.kind === 'admitted' || admission.kind === 'claim') known.keep(leaf.certificate);
      return admission;
    } catch {
      // A fault of ours in deciding; a throw here would end the process at the will of any peer.
      return untrusted('the certificate could not be checked');
    }
  };
}

function readCertificate(
  der: Uint8Array,
  known: KnownCertificates,
): { readonly kind: 'read'; readonly certificate: Certificate } | Extract<Admission, { kind: 'refused' }> {
  try {
    return { kind: 'read', certificate: known.find(der) ?? parseCertificate(der) };
  } catch (error) {
    return untrusted(error instanceof PkiError ? error.message : 'the certificate cannot be read');
  }
}

function untrusted(explanation: string): Extract<Admission, { kind: 'refused' }> {
  return { kind: 'refused', cause: 'certificate_untrusted', explanation };
}

function judge(certificate: Certificate, platform: Judge): Admission {
  const { certificates, clock, graceMs } = platform;
  const atMs = clock.now();
  const certificateId = certificate.id;
  const path = pathFlaw(certificate, platform, atMs);
  if (path?.kind === 'refused') {
    const cause = path.code === 'expired' ? 'certificate_expired' : 'certificate_untrusted';
    return { kind: 'refused', cause, explanation: `${path.reason} (${path.rfc})`, certificateId };
  }
  const standing = certificates.standing(certificateId, atMs);
  const summary = certificates.summary(certificateId);
  const profile = summary?.profile;
  if (standing === 'active' && profile === 'claim' && path === undefined)
    return { kind: 'claim', certificateId, certificate, explanation: explainProfile(profile) };
  const isInForce = standing === 'active' || standing === 'expired';
  if (isInForce && profile !== undefined && !speaksForThings(profile))
    return {
      kind: 'refused',
      cause: 'certificate_profile',
      explanation: explainProfile(profile),
      certificateId,
    };
  if (standing === 'active' && path === undefined) return { kind: 'admitted', certificateId, certificate };
  if (standing === 'expired' && graceMs > 0)
    return { kind: 'renew-only', certificateId, certificate, explanation: explainGrace(certificate) };
  const flaw = standing === 'active' ? 'expired' : standing;
  const isHeld = summary !== undefined && isOnHold(summary);
  const explanation = flaw === 'revoked' && isHeld ? onHold : explainStanding[flaw];
  return { kind: 'refused', cause: `certificate_${flaw}`, explanation, certificateId };
}

/** Undefined: the path is accepted. */
function pathFlaw(
  leaf: Certificate,
  { certificates, paths, graceMs }: Judge,
  atMs: number,
): Exclude<PathOutcome, { kind: 'accepted' }> | undefined {
  const trust = certificates.trust();
  if (paths.has(leaf, { trust, atMs })) return undefined;
  const { roots, issuers: untrusted } = trust;
  const { keyRules } = certificates;
  const outcome = validatePath({ leaf, untrusted, roots, atMs, purpose: 'clientAuth', graceMs, keyRules });
  if (outcome.kind !== 'accepted') return outcome;
  paths.keep(leaf, trust, outcome);
  return undefined;
}

// TLS by itself takes every certificate of the CA that may be a client's: an operator is no device.
function explainProfile(profile: LeafProfileName): string {
  if (profile === 'claim')
    return 'it is a claim certificate, which may provision a device and do nothing else';
  return `it is a certificate of profile \`${profile}\`, which is no device's`;
}

function explainGrace({ notAfterMs }: Certificate): string {
  return `the certificate expired at ${new Date(notAfterMs).toISOString()}; within its grace it may only re-enrol`;
}

const onHold = 'the certificate is on hold: `fleetward cert unhold` lets it speak again';

const explainStanding = {
  revoked: 'the certificate is revoked',
  pending: 'the certificate is not activated yet: `fleetward cert activate` does it',
  inactive: 'the certificate is switched off: `fleetward cert activate` switches it on again',
  unknown:
    'a CA of this platform signed the certificate, but neither the registry nor the issuance log has it: somebody else may use the CA’s key',
  expired: 'the certificate is expired',
} as const;
