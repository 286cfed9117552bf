export { PoliciesError, type PoliciesErrorCode } from './errors.ts';
export { policyHandlers } from './http.ts';
export { type InEffect, policiesInEffect } from './in-effect.ts';
export { Policies, type PolicyEvent } from './service.ts';
export type { TrialKey } from './trial-registry.ts';
export { PolicyTrials } from './trials.ts';
