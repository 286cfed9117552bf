import { counted, type PolicyName } from '@fleetward/core';
import type { LintFinding, ParsedPolicy } from '@fleetward/policy';
import { PoliciesError } from './errors.ts';
import type { GroupAttachment, PolicyAttachment, PolicyTrial, PolicyVersion, TrialState } from './store.ts';

// AWS IoT's quota.
const versionsMax = 5;

/** What saving a document answers: what it became, what was bound in it, and what is probably not meant. */
export interface SavedVersion {
  readonly version: PolicyVersion;
  readonly isDefault: boolean;
  readonly notes: ParsedPolicy['notes'];
  readonly findings: readonly LintFinding[];
}

export function savedVersion(
  saved: Pick<SavedVersion, 'version' | 'isDefault'>,
  parsed: ParsedPolicy,
  findings: readonly LintFinding[],
): SavedVersion {
  return { ...saved, notes: parsed.notes, findings };
}

export function assertVersionAddable(name: PolicyName, present: readonly PolicyVersion[]): void {
  if (present.length < versionsMax) return;
  throw new PoliciesError(
    'policies.version_limit',
    `policy \`${name}\` has ${versionsMax} versions already; remove one first`,
    { details: { versionIds: present.map(({ versionId }) => versionId) } },
  );
}

export function assertRemovable(
  name: PolicyName,
  {
    certificates,
    groups,
  }: { readonly certificates: ReadonlySet<string>; readonly groups: ReadonlySet<string> },
): void {
  if (groups.size > 0) {
    const groupNames = [...groups].slice(0, 10);
    throw new PoliciesError(
      'policies.attached',
      `policy \`${name}\` is attached to ${counted(groups.size, 'group')}; detach it first`,
      { details: { groupNames } },
    );
  }
  if (certificates.size === 0) return;
  throw new PoliciesError(
    'policies.attached',
    `policy \`${name}\` is attached to ${counted(certificates.size, 'certificate')}; detach it first`,
    { details: { certificateIds: [...certificates].slice(0, 10) } },
  );
}

export function assertAttachable(
  wanted: PolicyAttachment,
  { present, max }: { readonly present: ReadonlySet<PolicyName>; readonly max: number },
): void {
  if (present.has(wanted.policyName) || present.size < max) return;
  throw new PoliciesError(
    'policies.attachment_limit',
    `certificate \`${wanted.certificateId}\` has ${max} policies already (setting \`certificates.policiesPerCertificateMax\`)`,
  );
}

export function assertGroupAttachable(
  wanted: GroupAttachment,
  { present, max }: { readonly present: ReadonlySet<PolicyName>; readonly max: number },
): void {
  if (present.has(wanted.policyName) || present.size < max) return;
  throw new PoliciesError(
    'policies.attachment_limit',
    `group \`${wanted.groupName}\` has ${max} policies already (setting \`groups.policiesPerGroupMax\`)`,
  );
}

/** Whether a trial has seen something, and would have denied nothing that is allowed. */
export function isClean({ decisions, findings, unlisted }: TrialState): boolean {
  return decisions > 0 && unlisted.wouldDeny === 0 && !findings.some(({ kind }) => kind === 'wouldDeny');
}

/** Throws `policies.trial_not_clean` with what it would have denied, each with its explanation. */
export function assertPromotable({ policyName, versionId, state }: PolicyTrial): void {
  if (isClean(state)) return;
  const denied = state.findings.filter(({ kind }) => kind === 'wouldDeny');
  const found =
    state.decisions === 0
      ? 'has seen no decision yet'
      : `would have denied what is allowed: ${denied.length} kinds of requests`;
  const issues = denied.slice(0, 20).map(({ action, resource, count, example }) => ({
    path: `${action} on ${resource}`,
    message: `${count} times, such as by \`${example.thingName ?? example.clientId}\`: ${example.explanation}`,
    expected: 'to be allowed as it is now',
  }));
  throw new PoliciesError(
    'policies.trial_not_clean',
    `the trial of version ${versionId} of policy \`${policyName}\` ${found}`,
    { details: { errors: issues } },
  );
}
