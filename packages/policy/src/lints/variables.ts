import type { PolicyStatement } from '../document.ts';
import { statementTemplates, variablesOf } from '../statement-templates.ts';
import type { Variable } from '../variables.ts';
import type { LintFinding, LintRule } from './finding.ts';

/** `${iot:Thing.ThingName}` and its like look right and never have a value (AWS IoT). */
export const misspeltVariables: LintRule = ({ statements }) =>
  statements.flatMap((statement) => {
    const inTexts = statementTemplates(statement).flatMap(({ path, tokens }) =>
      variablesOf(tokens).flatMap((variable) => misspelt(path, variable)),
    );
    return [...inTexts, ...statement.conditions.flatMap(({ path, key }) => misspelt(path, key))];
  });

function misspelt(path: string, variable: Variable): readonly LintFinding[] {
  if (variable.kind !== 'misspelt') return [];
  return [
    {
      id: 'misspelt-variable',
      severity: 'error',
      path,
      message: `\`${variable.name}\` never has a value: an Allow with it never matches, a Deny always does`,
      fix: `write \`${variable.meant}\``,
    },
  ];
}

/** A Deny fails closed on what is unresolved, so it may deny more than its author meant. */
export const denyWithUnresolvedVariable: LintRule = ({ statements }) =>
  statements
    .filter(({ effect }) => effect === 'Deny')
    .flatMap((statement) => [...inTexts(statement), ...inKeys(statement)]);

function inTexts(statement: PolicyStatement): readonly LintFinding[] {
  return statementTemplates(statement).flatMap(({ path, tokens }) =>
    variablesOf(tokens)
      .filter(mayBeUnresolved)
      .map((variable) => unresolved(path, variable)),
  );
}

function inKeys({ conditions }: PolicyStatement): readonly LintFinding[] {
  return conditions
    .filter(
      ({ key, operator }) => mayBeUnresolved(key) && !operator.ifExists && operator.comparison !== 'null',
    )
    .map(({ path, key }) => unresolved(path, key));
}

function unresolved(path: string, variable: Variable): LintFinding {
  const always = variable.kind === 'misspelt';
  return {
    id: 'deny-unresolved-variable',
    severity: always ? 'error' : 'warning',
    path,
    message: `\`${variable.name}\` ${always ? 'never has a' : 'may have no'} value; this Deny then applies as if it matched`,
    fix: 'use a variable that every connection has, or an `…IfExists` or `Null` condition that says what is meant',
  };
}

const ALWAYS_RESOLVED: readonly Variable['kind'][] = [
  'clientId',
  'certificateId',
  'isAttached',
  'availableKeys',
  'connectAttributes',
  'currentTime',
  'epochTime',
];

function mayBeUnresolved({ kind }: Variable): boolean {
  return !ALWAYS_RESOLVED.includes(kind);
}
