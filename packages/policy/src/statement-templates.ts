import type { PolicyStatement } from './document.ts';
import type { Token } from './template.ts';
import type { Variable } from './variables.ts';

export interface StatementTemplate {
  readonly path: string;
  readonly tokens: readonly Token[];
}

/** Every text of a statement in which a variable can stand: its resources and its conditions' values. */
export function statementTemplates(statement: PolicyStatement): readonly StatementTemplate[] {
  const resources = statement.scope.entries.map(({ path, tail }) => ({ path, tokens: tail }));
  const values = statement.conditions.flatMap(({ path, values }) =>
    values.flatMap((value) => {
      if (value.kind === 'text') return [{ path, tokens: value.tokens }];
      return value.kind === 'arn' ? [{ path, tokens: value.parts.flat() }] : [];
    }),
  );
  return [...resources, ...values];
}

/** The variables of a text, each once. */
export function variablesOf(tokens: readonly Token[]): readonly Variable[] {
  const variables = tokens.flatMap((token) => (token.kind === 'variable' ? [token.variable] : []));
  return [...new Map(variables.map((variable) => [variable.name, variable])).values()];
}
