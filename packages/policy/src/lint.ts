import type { PolicyDocument } from './document.ts';
import { connectAnyClientId, missingConnect, overlyPermissive } from './lints/breadth.ts';
import {
  denyBypassedByFilter,
  mqttWildcardInDeny,
  receiveWiderThanSubscribe,
  subscribeWithoutReceive,
} from './lints/filters.ts';
import type { LintFinding, LintRule } from './lints/finding.ts';
import { unmatchableAction, unmatchableResource, unmatchableStatement } from './lints/unmatchable.ts';
import { denyWithUnresolvedVariable, misspeltVariables } from './lints/variables.ts';

const RULES: readonly LintRule[] = [
  misspeltVariables,
  denyWithUnresolvedVariable,
  mqttWildcardInDeny,
  denyBypassedByFilter,
  subscribeWithoutReceive,
  receiveWiderThanSubscribe,
  missingConnect,
  connectAnyClientId,
  overlyPermissive,
  unmatchableAction,
  unmatchableResource,
  unmatchableStatement,
];

/**
 * What is probably not meant in a document, looked at alone: other policies attached to the same principal may supply
 * what it lacks. A finding about absence is only made when nothing in the document could be it.
 */
export function lintPolicy(document: PolicyDocument): readonly LintFinding[] {
  return RULES.flatMap((rule) => rule(document));
}
