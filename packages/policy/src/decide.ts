import type { ActionRights } from './action-rights.ts';
import { type Candidate, entriesInForce, entryText, matchedName, type Question } from './candidate.ts';
import { evaluateCondition } from './conditions.ts';
import { substitutedText } from './context.ts';
import type { Decision, ResolvedVariable } from './decision.ts';
import { nearestMiss } from './nearest-miss.ts';
import { statementTemplates, variablesOf } from './statement-templates.ts';
import type { Variable } from './variables.ts';

/** Any Deny that matches decides; else any Allow; else the answer is an implicit deny. */
export function decide(question: Question, allRights: readonly ActionRights[]): Decision {
  const { action, name } = question;
  const candidates = allRights.flatMap((rights) =>
    rights.statements.map((indexed): Candidate => ({ rights, indexed })),
  );
  const deny = candidates.find((candidate) => isOf(candidate, 'Deny') && matches(candidate, question));
  if (deny !== undefined) {
    const unresolved = unresolvedNames(deny, question);
    return { kind: 'explicitDeny', action, name, ...evidence(deny, question), unresolved };
  }
  const allows = candidates.filter((candidate) => isOf(candidate, 'Allow'));
  const allow = allows.find((candidate) => matches(candidate, question));
  if (allow !== undefined) return { kind: 'allow', action, name, ...evidence(allow, question) };
  if (allRights.length === 0) return { kind: 'implicitDeny', action, name, isWithoutPolicy: true };
  const nearest = nearestMiss(allows, question);
  return { kind: 'implicitDeny', action, name, ...(nearest === undefined ? {} : { nearest }) };
}

function isOf({ indexed }: Candidate, effect: 'Allow' | 'Deny'): boolean {
  return indexed.statement.effect === effect;
}

function matches({ rights, indexed }: Candidate, question: Question): boolean {
  return rights.matchesScope(indexed, matchedName(question)) && rights.applies(indexed, question.nowMs);
}

function evidence(candidate: Candidate, question: Question) {
  const { rights, indexed } = candidate;
  const name = matchedName(question);
  const entries = entriesInForce(candidate);
  const matched = entries.find((entry) => rights.matchesEntry(indexed, entry, name)) ?? entries[0];
  return {
    statement: rights.refOf(indexed),
    pattern: matched === undefined ? '*' : entryText(matched, candidate),
    variables: resolvedVariables(candidate),
  };
}

function resolvedVariables(candidate: Candidate): readonly ResolvedVariable[] {
  return statementVariables(candidate).map((variable) => {
    const value = substitutedText(variable, candidate.rights.of.context);
    return { name: variable.name, ...(value === undefined ? {} : { value }) };
  });
}

function statementVariables({ indexed }: Candidate): readonly Variable[] {
  return variablesOf(statementTemplates(indexed.statement).flatMap(({ tokens }) => tokens));
}

function unresolvedNames(candidate: Candidate, { nowMs }: Question): readonly string[] {
  const { context, binding } = candidate.rights.of;
  const names = statementVariables(candidate)
    .filter((variable) => substitutedText(variable, context) === undefined)
    .map(({ name }) => name);
  const keys = candidate.indexed.statement.conditions
    .filter((condition) => evaluateCondition(condition, { context, binding, nowMs }) === 'unresolved')
    .map(({ key }) => key.name);
  return [...new Set([...names, ...keys])];
}
