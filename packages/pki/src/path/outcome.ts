import type { Certificate } from '../certificate/certificate.ts';

/** Why a chain was refused. Codes are API: never reused. */
export type RefusalCode =
  | 'expired'
  | 'not_yet_valid'
  | 'unknown_issuer'
  | 'self_signed'
  | 'bad_signature'
  | 'weak_signature'
  | 'weak_key'
  | 'version'
  | 'serial'
  | 'name'
  | 'ca_leaf'
  | 'not_a_ca'
  | 'path_too_long'
  | 'key_usage'
  | 'purpose'
  | 'authority_key_id'
  | 'subject_key_id'
  | 'name_constraints'
  | 'unknown_critical_extension'
  | 'extension_form'
  | 'revoked'
  | 'no_current_crl'
  | 'too_complex';

/** One reason to refuse, in words for an operator, with the clause it rests on. */
export interface Flaw {
  readonly code: RefusalCode;
  readonly reason: string;
  readonly rfc: string;
}

/**
 * `grace`: everything is in order but the leaf's end of validity, which passed `expiredForMs` ago, less than the grace
 * asked for. It is not an acceptance: such a device may renew and nothing else. Chains run from leaf to root.
 */
export type PathOutcome =
  | { readonly kind: 'accepted'; readonly chain: readonly Certificate[] }
  | { readonly kind: 'grace'; readonly chain: readonly Certificate[]; readonly expiredForMs: number }
  | ({ readonly kind: 'refused' } & Flaw);
