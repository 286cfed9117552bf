import type { ThingName } from '@fleetward/core';

/** Why an attempt was refused. Closed: reasons are API and never reused. */
export type RefusalReason =
  | 'token_unknown'
  | 'token_revoked'
  | 'token_expired'
  | 'token_used'
  | 'token_policy_missing'
  | 'token_group_refused'
  | 'token_guardrail'
  | 'profile_not_allowed'
  | 'csr_malformed'
  | 'csr_signature'
  | 'csr_asks_too_much'
  | 'key_refused'
  | 'linking_missing'
  | 'linking_refused'
  | 'keygen_off'
  | 'clock_unset'
  | 'key_in_use'
  | 'name_invalid'
  | 'name_not_allowed'
  | 'thing_has_certificate'
  | 'thing_has_too_many'
  | 'thing_revoked'
  | 'subject_differs'
  | 'certificate_unattached'
  | 'certificate_not_active'
  | 'certificate_profile'
  | 'claim_unknown'
  | 'claim_used'
  | 'claim_busy'
  | 'template_unknown'
  | 'template_off'
  | 'payload_invalid'
  | 'ownership_unknown'
  | 'ownership_expired'
  | 'parameters_unfit'
  | 'hook_refused'
  | 'thing_differs'
  | 'policy_missing'
  | 'policy_refused'
  | 'vendor_ca_gone'
  | 'vendor_ca_busy'
  | 'vendor_ca_full'
  | 'serial_in_use'
  | 'attestation_missing'
  | 'attestation_malformed'
  | 'attestation_refused'
  | 'endorsement_untrusted'
  | 'challenge_refused'
  | 'key_not_attested'
  | 'busy';

/**
 * Where the fault lies, which is what the device can do about it: bring another token, bring another request, ask its operator
 * about its certificate or the platform, or try again later.
 */
type RefusalFault = 'token' | 'request' | 'certificate' | 'busy';

export interface Refusal {
  readonly kind: 'refused';
  readonly reason: RefusalReason;
  readonly fault: RefusalFault;
  /** For the operator; holds nothing of the secret. */
  readonly explanation: string;
  /** For the device: the same, without what concerns others. */
  readonly deviceText: string;
  /** The name it asked for, once that is known to be one. */
  readonly thingName?: ThingName;
}

const faultOf: Readonly<Record<RefusalReason, RefusalFault>> = {
  token_unknown: 'token',
  token_revoked: 'token',
  token_expired: 'token',
  token_used: 'token',
  token_policy_missing: 'token',
  token_group_refused: 'token',
  token_guardrail: 'token',
  profile_not_allowed: 'certificate',
  csr_malformed: 'request',
  csr_signature: 'request',
  csr_asks_too_much: 'request',
  key_refused: 'request',
  linking_missing: 'request',
  linking_refused: 'request',
  keygen_off: 'certificate',
  clock_unset: 'busy',
  key_in_use: 'request',
  name_invalid: 'request',
  name_not_allowed: 'request',
  thing_has_certificate: 'request',
  thing_has_too_many: 'certificate',
  thing_revoked: 'certificate',
  subject_differs: 'request',
  certificate_unattached: 'certificate',
  certificate_not_active: 'certificate',
  certificate_profile: 'certificate',
  claim_unknown: 'certificate',
  claim_used: 'certificate',
  claim_busy: 'busy',
  template_unknown: 'request',
  template_off: 'certificate',
  payload_invalid: 'request',
  ownership_unknown: 'token',
  ownership_expired: 'token',
  parameters_unfit: 'request',
  hook_refused: 'certificate',
  thing_differs: 'request',
  policy_missing: 'certificate',
  policy_refused: 'request',
  vendor_ca_gone: 'certificate',
  vendor_ca_busy: 'busy',
  vendor_ca_full: 'certificate',
  serial_in_use: 'certificate',
  attestation_missing: 'certificate',
  attestation_malformed: 'request',
  attestation_refused: 'request',
  endorsement_untrusted: 'certificate',
  challenge_refused: 'request',
  key_not_attested: 'request',
  busy: 'busy',
};

/** `deviceText` is the explanation where nothing else is given. */
export function refuse(
  reason: RefusalReason,
  explanation: string,
  more: { readonly thingName?: ThingName; readonly deviceText?: string } = {},
): Refusal {
  return { kind: 'refused', reason, fault: faultOf[reason], explanation, deviceText: explanation, ...more };
}
