import { timeHolds } from './action-table.ts';
import type { CompiledStatement } from './compile-statement.ts';
import { evaluateCondition } from './conditions.ts';
import { type PrincipalContext, substitutedText } from './context.ts';
import type { Decision, ResolvedVariable } from './decision.ts';
import { matchesEntry, matchesScope, type Question } from './matching.ts';
import { nearestMiss } from './nearest-miss.ts';
import { statementTemplates, variablesOf } from './statement-templates.ts';
import type { Variable } from './variables.ts';

export interface Principal {
  readonly statements: readonly CompiledStatement[];
  readonly context: PrincipalContext;
}

/** Any Deny that matches decides; else any Allow; else the answer is an implicit deny. */
export function decide(question: Question, principal: Principal): Decision {
  const { action, name } = question;
  const relevant = principal.statements.filter(({ statement }) => statement.actions.includes(action));
  const matching = relevant.filter((statement) => matchesStatement(statement, question, principal.context));
  const deny = matching.find(({ ref }) => ref.effect === 'Deny');
  if (deny !== undefined) {
    const unresolved = unresolvedNames(deny, question, principal.context);
    return { kind: 'explicitDeny', action, name, ...evidence(deny, question, principal.context), unresolved };
  }
  const allow = matching.find(({ ref }) => ref.effect === 'Allow');
  if (allow !== undefined)
    return { kind: 'allow', action, name, ...evidence(allow, question, principal.context) };
  const allows = relevant.filter(({ ref }) => ref.effect === 'Allow');
  const nearest = nearestMiss(allows, question, principal.context);
  return { kind: 'implicitDeny', action, name, ...(nearest === undefined ? {} : { nearest }) };
}

function matchesStatement(
  statement: CompiledStatement,
  question: Question,
  context: PrincipalContext,
): boolean {
  if (statement.reach === 'never' || !matchesScope(statement, question)) return false;
  return timeHolds(statement, { context, nowMs: question.nowMs });
}

function evidence(compiled: CompiledStatement, question: Question, context: PrincipalContext) {
  const matched = compiled.entries.find((entry) => matchesEntry(entry, question)) ?? compiled.entries[0];
  const pattern = matched?.text ?? '*';
  return { statement: compiled.ref, pattern, variables: resolvedVariables(compiled, context) };
}

function resolvedVariables(
  compiled: CompiledStatement,
  context: PrincipalContext,
): readonly ResolvedVariable[] {
  return statementVariables(compiled).map((variable) => {
    const value = substitutedText(variable, context);
    return { name: variable.name, ...(value === undefined ? {} : { value }) };
  });
}

function statementVariables({ statement }: CompiledStatement): readonly Variable[] {
  return variablesOf(statementTemplates(statement).flatMap(({ tokens }) => tokens));
}

function unresolvedNames(compiled: CompiledStatement, question: Question, context: PrincipalContext) {
  const names = statementVariables(compiled)
    .filter((variable) => substitutedText(variable, context) === undefined)
    .map(({ name }) => name);
  const request = { context, binding: compiled.binding, nowMs: question.nowMs };
  const keys = compiled.statement.conditions
    .filter((condition) => evaluateCondition(condition, request) === 'unresolved')
    .map(({ key }) => key.name);
  return [...new Set([...names, ...keys])];
}
