import { AppError } from '@fleetward/core';

export type PoliciesErrorCode =
  | 'policies.not_found'
  | 'policies.exists'
  | 'policies.version_not_found'
  | 'policies.version_limit'
  | 'policies.default_version'
  | 'policies.attached'
  | 'policies.not_attached'
  | 'policies.attachment_limit'
  | 'policies.certificate_unknown'
  | 'policies.stored_invalid'
  | 'policies.nothing_recorded'
  | 'policies.invalid_request'
  | 'policies.guardrail_broken'
  | 'policies.guardrail_undecided'
  | 'policies.guardrail_exists'
  | 'policies.guardrail_not_found'
  | 'policies.guardrail_configured'
  | 'policies.proofs_busy';

/** What an operator asked of a policy cannot be done; nothing was changed. */
export class PoliciesError extends AppError<PoliciesErrorCode> {}

export function policyNotFound(name: string): PoliciesError {
  return new PoliciesError('policies.not_found', `there is no policy \`${name}\``);
}

export function versionNotFound(name: string, versionId: number): PoliciesError {
  return new PoliciesError('policies.version_not_found', `policy \`${name}\` has no version ${versionId}`);
}
