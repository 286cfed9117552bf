import type { CertificateId, Clock } from '@fleetward/core';
import { type Certificate, type PathOutcome, PkiError, parseCertificate, validatePath } from '@fleetward/pki';
import {
  type CertificateProfile,
  type Certificates,
  isOnHold,
  speaksForThings,
  type Trust,
} from '../certificates/index.ts';
import type { DenialCause } from '../denials/index.ts';
import type { Things } from '../things/index.ts';
import type { NewVendorCertificate, VendorCa, VendorCas } from '../vendor-cas/index.ts';
import { AcceptedPaths } from './accepted-paths.ts';
import type { KnownCertificates } from './known-certificates.ts';

/** What a finished TLS handshake says of the peer. */
export type Admission =
  | {
      readonly kind: 'admitted';
      readonly certificateId: CertificateId;
      readonly certificate: Certificate;
      /** When it, or the vendor CA it rests on, is not valid any more. */
      readonly endsAtMs: number;
    }
  /** May ask for a certificate and provision it, over MQTT or EST, and nothing else. `explanation` says so. */
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
      /** A vendor's device that was never here: whoever is told of it decides what becomes of it. */
      readonly newcomer?: NewVendorCertificate;
    };

/** Of what the peer has shown, in DER; or, of one that was admitted before, whether it would be now. */
export type Admit = (peer: Uint8Array | Certificate | undefined) => Admission;

interface AdmissionParts {
  readonly certificates: Certificates;
  readonly vendorCas: Pick<VendorCas, 'find' | 'issuersOf'>;
  readonly known: KnownCertificates;
  readonly things: Pick<Things, 'shutOut'>;
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
  return (peer) => {
    if (peer === undefined) return { kind: 'anonymous' };
    const leaf = readCertificate(peer, known);
    if (leaf.kind === 'refused') return leaf;
    try {
      const admission = notShutOut(judge(leaf.certificate, judging), platform);
      const isAdmitted = admission.kind === 'admitted' || admission.kind === 'claim';
      if (isAdmitted && leaf.kind === 'parsed') known.keep(leaf.certificate);
      return admission;
    } catch {
      // A fault of ours in deciding; a throw here would end the process at the will of any peer.
      return untrusted('the certificate could not be checked');
    }
  };
}

function readCertificate(
  peer: Uint8Array | Certificate,
  known: KnownCertificates,
): { readonly kind: 'known' | 'parsed'; readonly certificate: Certificate } | Refused {
  if (!(peer instanceof Uint8Array)) return { kind: 'known', certificate: peer };
  const certificate = known.find(peer);
  if (certificate !== undefined) return { kind: 'known', certificate };
  try {
    return { kind: 'parsed', certificate: parseCertificate(peer) };
  } catch (error) {
    return untrusted(error instanceof PkiError ? error.message : 'the certificate cannot be read');
  }
}

/** A thing that is quarantined or retired takes along every certificate that speaks for it, whatever else that may be. */
function notShutOut(admission: Admission, { things }: AdmissionParts): Admission {
  if (admission.kind === 'anonymous' || admission.kind === 'refused') return admission;
  const thing = things.shutOut(admission.certificateId);
  if (thing === undefined) return admission;
  const explanation = `thing \`${thing.name}\` is ${thing.state} (\`fleetward thing set-state\`)`;
  return refused('thing_shut_out', explanation, admission.certificateId);
}

type Refused = Extract<Admission, { kind: 'refused' }>;

function untrusted(explanation: string): Refused {
  return { kind: 'refused', cause: 'certificate_untrusted', explanation };
}

function judge(certificate: Certificate, platform: Judge): Admission {
  const { certificates, clock, graceMs } = platform;
  const atMs = clock.now();
  const certificateId = certificate.id;
  const summary = certificates.summary(certificateId);
  if (summary?.profile === 'vendor')
    return judgeVendors(certificate, summary.issuerId, { ...platform, atMs });
  const path = pathFlaw(certificate, { platform, trust: certificates.trust(), atMs, graceMs });
  // A CA of ours comes first, so that no vendor's speaks for what it issued.
  if (path?.kind === 'refused')
    return (
      (summary === undefined ? newcomerOf(certificate, { ...platform, atMs }) : undefined) ??
      (summary !== undefined && certificates.isRemovedCa(summary.issuerId)
        ? refused('certificate_untrusted', ofRemovedCa(summary.issuerId), certificateId)
        : refusedBy(path, certificateId))
    );
  const standing = certificates.standing(certificateId, atMs);
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
  if (standing === 'active' && path === undefined)
    return { kind: 'admitted', certificateId, certificate, endsAtMs: certificate.notAfterMs };
  if (standing === 'expired' && graceMs > 0)
    return { kind: 'renew-only', certificateId, certificate, explanation: explainGrace(certificate) };
  return refusedFor(standing === 'active' ? 'expired' : standing, certificateId, certificates);
}

type Judging = Judge & { readonly atMs: number };

/** A certificate that a vendor CA issued: the CA's state, its path to that CA and no other, then its own state. No grace: only the vendor renews it. */
function judgeVendors(certificate: Certificate, vendorCaId: CertificateId, platform: Judging): Admission {
  const { certificates, vendorCas, atMs } = platform;
  const certificateId = certificate.id;
  const ca = vendorCas.find(vendorCaId);
  if (ca === undefined)
    return { ...untrusted(`its vendor CA \`${vendorCaId}\` is not registered any more`), certificateId };
  if (ca.state !== 'active') return { ...untrusted(switchedOff(ca)), certificateId };
  const path = pathFlaw(certificate, { platform, trust: ca.trust, atMs, graceMs: 0 });
  if (path !== undefined) return refusedBy(path, certificateId);
  const standing = certificates.standing(certificateId, atMs);
  if (standing !== 'active') return refusedFor(standing, certificateId, certificates);
  const endsAtMs = Math.min(certificate.notAfterMs, ca.certificate.notAfterMs);
  return { kind: 'admitted', certificateId, certificate, endsAtMs };
}

/** A certificate that is nowhere here and that a vendor CA has the name to have issued; undefined where none has. */
function newcomerOf(certificate: Certificate, platform: Judging): Refused | undefined {
  const { certificates, vendorCas, atMs } = platform;
  const certificateId = certificate.id;
  let refused: Refused | undefined;
  for (const ca of vendorCas.issuersOf(certificate)) {
    const path = pathFlaw(certificate, { platform, trust: ca.trust, atMs, graceMs: 0 });
    if (path !== undefined) refused ??= refusedBy(path, certificateId);
    else if (ca.state !== 'active') return { ...untrusted(switchedOff(ca)), certificateId };
    else if (certificates.standing(certificateId, atMs) !== 'unknown')
      return refusedFor('revoked', certificateId, certificates); // the records were restored from before it
    else return { ...isNew(ca), certificateId, newcomer: { certificate, vendorCaId: ca.certificateId } };
  }
  return refused;
}

function isNew({ certificateId, templateName }: VendorCa): Refused {
  const what =
    templateName === undefined
      ? 'it is registered now, and waits for an operator'
      : `it is to be provisioned by template \`${templateName}\` now, and to come again; whether it was, or why not, is in the attempt`;
  const explanation = `first connection of a device of vendor CA \`${certificateId}\`: ${what} (\`fleetward enrollment list\`)`;
  return { kind: 'refused', cause: 'certificate_new', explanation };
}

function switchedOff({ certificateId }: VendorCa): string {
  return `its vendor CA \`${certificateId}\` is switched off (\`fleetward vendor-ca activate\`)`;
}

function ofRemovedCa(issuerId: CertificateId): string {
  return `an operator removed the CA that issued it, for ever: \`fleetward ca show ${issuerId}\``;
}

function refusedBy(path: PathFlaw, certificateId: CertificateId): Refused {
  if (path.kind === 'grace') return refused('certificate_expired', explainStanding.expired, certificateId);
  const cause = path.code === 'expired' ? 'certificate_expired' : 'certificate_untrusted';
  return refused(cause, `${path.reason} (${path.rfc})`, certificateId);
}

function refusedFor(
  standing: keyof typeof explainStanding,
  certificateId: CertificateId,
  certificates: Certificates,
): Refused {
  const summary = certificates.summary(certificateId);
  const isHeld = summary !== undefined && isOnHold(summary);
  const explanation = standing === 'revoked' && isHeld ? onHold : explainStanding[standing];
  return refused(`certificate_${standing}`, explanation, certificateId);
}

function refused(cause: DenialCause, explanation: string, certificateId: CertificateId): Refused {
  return { kind: 'refused', cause, explanation, certificateId };
}

type PathFlaw = Exclude<PathOutcome, { kind: 'accepted' }>;

/** Undefined: the path is accepted. */
function pathFlaw(
  leaf: Certificate,
  asked: {
    readonly platform: Judge;
    readonly trust: Trust;
    readonly atMs: number;
    readonly graceMs: number;
  },
): PathFlaw | undefined {
  const { trust, atMs, graceMs } = asked;
  const { certificates, paths } = asked.platform;
  if (paths.has(leaf, { trust, atMs })) return undefined;
  const { roots, issuers: untrusted } = trust;
  const { keyRules } = certificates;
  const outcome = validatePath({ leaf, untrusted, roots, atMs, purpose: 'clientAuth', graceMs, keyRules });
  if (outcome.kind !== 'accepted') return outcome;
  paths.keep(leaf, trust, outcome);
  return undefined;
}

// TLS by itself takes every certificate of the CA that may be a client's: an operator is no device.
function explainProfile(profile: CertificateProfile): string {
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
    'a CA of this platform signed the certificate, but the registry does not have it: it was deleted, somebody wrote its signature in another way, or somebody else uses the CA’s key (then `fleetward detection list` has it as `unregistered`)',
  expired: 'the certificate is expired',
} as const;
