import type { LeafProfileName } from '@fleetward/pki';
import { CertificatesError } from './errors.ts';
import type { AuthorityRecord, CertificateProfile } from './store.ts';

const dayMs = 86_400_000;
export const hourMs = 3_600_000;

/** Whether a certificate of this profile may be what a device speaks as. */
export function speaksForThings(profile: CertificateProfile): boolean {
  return (
    profile === 'device' || profile === 'provisioned' || profile === 'tpm-device' || profile === 'vendor'
  );
}

export interface ValiditySettings {
  readonly deviceValidityDays: number;
  readonly claimValidityDays: number;
  readonly operatorValidityDays: number;
  readonly serverValidityDays: number;
}

export function validityDaysOf(profile: LeafProfileName, settings: ValiditySettings): number {
  switch (profile) {
    case 'device':
    case 'provisioned':
    case 'tpm-device':
      return settings.deviceValidityDays;
    case 'claim':
      return settings.claimValidityDays;
    case 'operator':
      return settings.operatorValidityDays;
    case 'server':
      return settings.serverValidityDays;
  }
}

/**
 * When a new certificate is valid: from an hour ago, since the clocks of devices drift, and never beyond the issuer's
 * own validity.
 */
export function validityOf(
  issuer: { readonly notBeforeMs: number; readonly notAfterMs: number },
  wanted: { readonly nowMs: number; readonly days: number },
): { readonly notBeforeMs: number; readonly notAfterMs: number } {
  return {
    notBeforeMs: Math.max(wanted.nowMs - hourMs, issuer.notBeforeMs),
    notAfterMs: Math.min(wanted.nowMs + wanted.days * dayMs, issuer.notAfterMs),
  };
}

/**
 * Rises whatever happens, also after a restore from a backup that knew lower numbers than devices have seen: in
 * milliseconds, since many revocations in one second would carry a number in seconds ahead of the clock.
 */
export function nextCrlNumber(previous: number | undefined, nowMs: number): number {
  return Math.max((previous ?? 0) + 1, nowMs);
}

/** RFC 5280 §3.3: an entry stays until it was on a CRL that was issued after the certificate's end. */
export function belongsOnCrl(
  entry: { readonly notAfterMs: number },
  nowMs: number,
  crlValidityMs: number,
): boolean {
  return entry.notAfterMs + 2 * crlValidityMs >= nowMs;
}

/** Throws `certificates.ca_state` for a step that may not be taken: removal is for ever. */
export function assertAuthorityStep(authority: AuthorityRecord, state: AuthorityRecord['state']): void {
  if (authority.state !== 'removed' && !(authority.kind !== 'issuing' && state === 'retired')) return;
  const why =
    authority.state === 'removed'
      ? 'a removal is for ever'
      : `a ${authority.kind} CA issues nothing here that it could cease to issue, it can only be \`removed\``;
  throw new CertificatesError(
    'certificates.ca_state',
    `the ${authority.kind} CA \`${authority.certificateId}\` is \`${authority.state}\` and cannot become \`${state}\`: ${why}`,
  );
}
