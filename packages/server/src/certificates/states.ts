import { CertificatesError } from './errors.ts';
import { type CertificateFilter, type CertificateState, type CertificateSummary, isOnHold } from './store.ts';

/** Whether a certificate may speak. Only `active` may. */
export type Standing = 'active' | 'pending' | 'inactive' | 'revoked' | 'unknown' | 'expired';

/** What people are shown: the state that is kept, and expiry, which comes by itself. */
export type ShownState = CertificateState | 'EXPIRED';

/** States an operator or a provisioning may set; a revocation goes another way. */
export type SettableState = Extract<CertificateState, 'ACTIVE' | 'INACTIVE'>;

/**
 * Revocation first: an expired certificate that was revoked stays revoked, whatever grace expiry may have. One that is not active
 * does not expire either, so that it gets no grace.
 */
export function standingOf(certificate: CertificateSummary, nowMs: number): Exclude<Standing, 'unknown'> {
  switch (certificate.state) {
    case 'REVOKED':
      return 'revoked';
    case 'INACTIVE':
      return 'inactive';
    case 'PENDING_ACTIVATION':
      return 'pending';
    case 'ACTIVE':
      return nowMs > certificate.notAfterMs ? 'expired' : 'active';
  }
}

export function shownState(certificate: CertificateSummary, nowMs: number): ShownState {
  return standingOf(certificate, nowMs) === 'expired' ? 'EXPIRED' : certificate.state;
}

const steps: Readonly<Record<CertificateState, readonly CertificateState[]>> = {
  PENDING_ACTIVATION: ['ACTIVE', 'INACTIVE', 'REVOKED'],
  ACTIVE: ['INACTIVE', 'REVOKED'],
  INACTIVE: ['ACTIVE', 'REVOKED'],
  REVOKED: [],
};

export function mayBecome(from: CertificateState, to: CertificateState): boolean {
  return steps[from].includes(to);
}

/** Throws `certificates.state` for a step that may not be taken. */
export function assertStep(
  certificate: Pick<CertificateSummary, 'certificateId' | 'state' | 'revocationReason'>,
  to: CertificateState,
): void {
  const { certificateId, state } = certificate;
  if (mayBecome(state, to)) return;
  const isRevoked = state === 'REVOKED';
  const why = isOnHold(certificate)
    ? '`fleetward cert unhold` lifts the hold'
    : isRevoked
      ? 'a revocation is for ever'
      : 'there is no such step';
  throw new CertificatesError(
    'certificates.state',
    `the certificate \`${certificateId}\` is \`${state}\` and cannot become \`${to}\`: ${why}`,
  );
}

/** Throws `certificates.state` for one that may still speak, or again. Answers its standing. */
export function assertDeletable(
  certificate: CertificateSummary,
  nowMs: number,
): 'revoked' | 'inactive' | 'expired' {
  const { certificateId, state } = certificate;
  const standing = standingOf(certificate, nowMs);
  const isHeld = isOnHold(certificate);
  if (standing !== 'active' && standing !== 'pending' && !isHeld) return standing;
  const what = isHeld
    ? 'is on hold: lift the hold, or revoke it for ever'
    : `is \`${state}\`: revoke or deactivate it`;
  throw new CertificatesError('certificates.state', `the certificate \`${certificateId}\` ${what} first`);
}

/** How those are found that `shownState` shows so. */
export function filterOfShown(state: ShownState, nowMs: number): CertificateFilter {
  if (state === 'EXPIRED') return { state: 'ACTIVE', endsBeforeMs: nowMs };
  return state === 'ACTIVE' ? { state, endsFromMs: nowMs } : { state };
}
