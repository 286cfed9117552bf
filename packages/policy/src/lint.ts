import type { PolicyDocument } from './document.ts';
import { Automata } from './lints/automata.ts';
import { connectAnyClientId, missingConnect, overlyPermissive } from './lints/breadth.ts';
import {
  denyBypassedByFilter,
  mqttWildcardInDeny,
  receiveWiderThanSubscribe,
  subscribeWithoutReceive,
} from './lints/filters.ts';
import type { LintFinding, LintRule } from './lints/finding.ts';
import { unmatchableAction, unmatchableResource, unmatchableStatement } from './lints/unmatchable.ts';
import { unmatchableName } from './lints/unmatchable-name.ts';
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
  unmatchableName,
];

/**
 * What is probably not meant in a document, looked at alone: other policies attached to the same principal may supply
 * what it lacks. A finding about absence is only made when nothing in the document could be it. `statesMax` bounds the automata of all
 * rules together; what they did not find out is no finding.
 */
export function lintPolicy(
  document: PolicyDocument,
  { statesMax }: { readonly statesMax?: number } = {},
): readonly LintFinding[] {
  const automata = new Automata(document, statesMax);
  return RULES.flatMap((rule) => rule(document, automata));
}
