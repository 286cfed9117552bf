import type { PolicyName } from '@fleetward/core';
import { type LintFinding, lintPolicy } from '@fleetward/policy';
import type { Policies } from './service.ts';

/** A finding about a stored policy; `not-attached` is one that no document shows by itself. */
export interface PolicyFinding extends Omit<LintFinding, 'id'> {
  readonly id: LintFinding['id'] | 'not-attached';
}

/** What is probably not meant in the version in force, and whether it decides anything. Throws `policies.not_found`. */
export function findingsOf(policies: Policies, name: PolicyName): readonly PolicyFinding[] {
  const ofDocument = lintPolicy(policies.inForce(name).document);
  const isAttached = policies.certificatesOf(name).size > 0 || policies.groupsOf(name).size > 0;
  return isAttached ? ofDocument : [...ofDocument, notAttached];
}

const notAttached: PolicyFinding = {
  id: 'not-attached',
  severity: 'warning',
  path: '$',
  message: 'the policy is attached to no certificate and to no group: it decides nothing',
  fix: 'attach it with `fleetward policy attach`, or remove it',
};
