import type { PolicyDocument } from '../document.ts';

export type LintId =
  | 'misspelt-variable'
  | 'deny-unresolved-variable'
  | 'mqtt-wildcard-in-deny'
  | 'deny-bypassed-by-filter'
  | 'subscribe-without-receive'
  | 'missing-connect'
  | 'connect-any-client-id'
  | 'overly-permissive'
  | 'unmatchable-action';

/** Something that is allowed in a policy and probably not meant. */
export interface LintFinding {
  readonly id: LintId;
  readonly severity: 'error' | 'warning' | 'info';
  /** JSON path into the document. */
  readonly path: string;
  readonly message: string;
  readonly fix: string;
}

export type LintRule = (document: PolicyDocument) => readonly LintFinding[];
