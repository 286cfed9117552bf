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
  | 'policies.guardrail_broken'
  | 'policies.guardrail_undecided'
  | 'policies.guardrail_exists'
  | 'policies.guardrail_not_found'
  | 'policies.guardrail_configured'
  | 'policies.proofs_busy'
  | 'policies.proof_timeout'
  | 'policies.no_trial'
  | 'policies.in_trial'
  | 'policies.trial_limit'
  | 'policies.trial_not_clean'
  | 'policies.no_previous'
  | 'policies.invalid_request';

/** What an operator asked of a policy cannot be done; nothing was changed. */
export class PoliciesError extends AppError<PoliciesErrorCode> {}

export function policyNotFound(name: string): PoliciesError {
  return new PoliciesError('policies.not_found', `there is no policy \`${name}\``);
}

export function versionNotFound(name: string, versionId: number): PoliciesError {
  return new PoliciesError('policies.version_not_found', `policy \`${name}\` has no version ${versionId}`);
}

export function versionInForce({
  name,
  versionId,
}: {
  readonly name: string;
  readonly versionId: number;
}): PoliciesError {
  return new PoliciesError(
    'policies.default_version',
    `version ${versionId} of policy \`${name}\` is in force`,
  );
}

export function versionInTrial({
  name,
  versionId,
}: {
  readonly name: string;
  readonly versionId: number;
}): PoliciesError {
  return new PoliciesError(
    'policies.in_trial',
    `version ${versionId} of policy \`${name}\` is in trial: stop the trial first`,
  );
}

export function noTrial(name: string): PoliciesError {
  return new PoliciesError('policies.no_trial', `no version of policy \`${name}\` is in trial`);
}
