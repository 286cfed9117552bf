import { type PolicyAction, resourceTypeOf } from './actions.ts';
import type { Decision, NearestMiss, ResolvedVariable } from './decision.ts';
import { shown } from './issues.ts';
import type { StatementRef } from './statement-ref.ts';

/** One line for an operator: what was asked, what was decided, by which statement, and what is missing. */
export function explainDecision(decision: Decision): string {
  const asked = `${decision.action} on ${shown(resourceText(decision.action, decision.name))}`;
  switch (decision.kind) {
    case 'allow':
      return `${asked} is allowed by ${statementText(decision.statement)} (${shown(decision.pattern)}${variablesText(decision.variables)})`;
    case 'explicitDeny':
      return `${asked} is denied by ${statementText(decision.statement)} (${shown(decision.pattern)}${variablesText(decision.variables)})${closedText(decision.unresolved)}`;
    case 'implicitDeny':
      if (decision.isWithoutPolicy)
        return `${asked} is denied: no policy is attached, neither to the certificate nor to a group of its thing`;
      return `${asked} is denied: no statement allows it; ${nearestText(decision.nearest, decision.action)}`;
  }
}

function resourceText(action: PolicyAction, name: string): string {
  return resourceTypeOf(action) === 'none' ? '*' : `${resourceTypeOf(action)}/${name}`;
}

function statementText({ policyName, versionId, index, sid, via, groupName }: StatementRef): string {
  const named = sid === undefined ? '' : ` (${shown(sid)})`;
  const through = groupName === undefined ? '' : ` (through group ${shown(groupName)})`;
  return `\`Statement[${index}]\`${named} of ${via === 'group' ? 'group ' : ''}policy ${shown(policyName)} version ${versionId}${through}`;
}

function variablesText(variables: readonly ResolvedVariable[]): string {
  return variables
    .map(({ name, value }) => `, ${name} = ${value === undefined ? 'unresolved' : shown(value)}`)
    .join('');
}

function closedText(unresolved: readonly string[]): string {
  if (unresolved.length === 0) return '';
  return `; it fails closed because ${unresolved.map(shown).join(', ')} has no value`;
}

function nearestText(nearest: NearestMiss | undefined, action: PolicyAction): string {
  if (nearest === undefined) return `no statement names ${action}`;
  return `nearest is ${statementText(nearest.statement)}, ${missText(nearest)}`;
}

function missText(miss: NearestMiss): string {
  switch (miss.kind) {
    case 'condition':
      return `whose condition ${miss.operator} on ${shown(miss.key)} wants ${listText(miss.expected)} and found ${miss.actual === undefined ? 'no such key' : listText(miss.actual)}`;
    case 'variable':
      return `which would match if ${shown(miss.variable)} were ${shown(miss.needed)} instead of ${shown(miss.actual)}`;
    case 'unresolved':
      return `which needs ${miss.variables.map(shown).join(', ')}: it has no value on this connection`;
    case 'resource':
      return `which allows ${shown(miss.pattern)}`;
  }
}

function listText(values: readonly string[]): string {
  if (values.length === 0) return 'nothing';
  const [first = '', ...rest] = values;
  return rest.length === 0
    ? shown(first)
    : `${shown(first)} or ${rest.length} other${rest.length > 1 ? 's' : ''}`;
}
