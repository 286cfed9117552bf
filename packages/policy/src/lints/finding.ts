import type { PolicyDocument } from '../document.ts';

/** Every rule; docs/reference/policy-lint.md explains each. */
export const LINT_IDS = [
  'misspelt-variable',
  'deny-unresolved-variable',
  'mqtt-wildcard-in-deny',
  'deny-bypassed-by-filter',
  'subscribe-without-receive',
  'receive-wider-than-subscribe',
  'missing-connect',
  'connect-any-client-id',
  'overly-permissive',
  'unmatchable-action',
  'unmatchable-resource',
  'unmatchable-statement',
] as const;

export type LintId = (typeof LINT_IDS)[number];

/** Something that is allowed in a policy and probably not meant. */
export interface LintFinding {
  readonly id: LintId;
  /** `error`: it is wrong or dangerous whatever was meant; `warning`: it hardly does what was meant; `note`: worth a look. */
  readonly severity: 'error' | 'warning' | 'note';
  /** JSON path into the document. */
  readonly path: string;
  /** What it means and why it matters. */
  readonly message: string;
  readonly fix: string;
}

export type LintRule = (document: PolicyDocument) => readonly LintFinding[];
