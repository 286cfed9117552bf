import type { PolicyDocument } from '../document.ts';
import type { Automata } from './automata.ts';

/** Every rule and what it finds, in a line; docs/reference/policy-lint.md explains each. */
export const LINT_RULES = {
  'misspelt-variable': 'A variable that has no value by this spelling',
  'deny-unresolved-variable': 'A Deny with a variable that may have no value',
  'mqtt-wildcard-in-deny': 'MQTT wildcards in a Deny, where they are plain characters',
  'deny-bypassed-by-filter': 'A Deny that a wider subscription walks around',
  'subscribe-without-receive': 'A subscription that can never bring anything',
  'receive-wider-than-subscribe': 'More may be received than can be subscribed to',
  'missing-connect': 'Nothing allows to connect',
  'connect-any-client-id': 'Any client id is allowed',
  'overly-permissive': 'Every action, every resource, or the reserved topics of every thing',
  'unmatchable-action': 'An action without a resource of its kind',
  'unmatchable-resource': 'A resource without an action of its kind',
  'unmatchable-statement': 'A statement that no request can match',
} as const;

export type LintId = keyof typeof LINT_RULES;

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

export type LintRule = (document: PolicyDocument, automata: Automata) => readonly LintFinding[];
