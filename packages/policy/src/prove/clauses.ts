import type { PolicyAction } from '../actions.ts';
import type { AttachedPolicy } from '../attached-policy.ts';
import type { Condition, PolicyBinding, PolicyStatement, ResourceEntry } from '../document.ts';
import { statementTemplates, variablesOf } from '../statement-templates.ts';
import type { Variable } from '../variables.ts';

/** A statement of one of the policies that a proof is about. */
export interface Clause {
  /** Its number among all clauses of the proof. */
  readonly id: number;
  /** Which set of attached policies it belongs to. */
  readonly set: number;
  readonly policy: AttachedPolicy;
  readonly statement: PolicyStatement;
  readonly isAllow: boolean;
}

/** Policies that are attached together. */
export type PolicySet = readonly AttachedPolicy[];

export function clausesOf(sets: readonly PolicySet[]): readonly Clause[] {
  const clauses: Clause[] = [];
  for (const [set, policies] of sets.entries()) {
    for (const policy of policies) {
      for (const statement of policy.document.statements) {
        clauses.push({ id: clauses.length, set, policy, statement, isAllow: statement.effect === 'Allow' });
      }
    }
  }
  return clauses;
}

/** The entries that are about resources of that region and account. */
export function entriesHere({ statement }: Clause, binding: PolicyBinding): readonly ResourceEntry[] {
  return statement.scope.entries.filter(
    ({ region, accountId }) =>
      (region === '*' || region === binding.region) && (accountId === '*' || accountId === binding.accountId),
  );
}

export function clausesAbout(clauses: readonly Clause[], action: PolicyAction): readonly Clause[] {
  return clauses.filter(({ statement }) => statement.actions.includes(action));
}

/** The variables in the resources of the clauses, each once. */
export function resourceVariables(clauses: readonly Clause[]): readonly Variable[] {
  return variablesOf(clauses.flatMap(({ statement }) => statement.scope.entries.flatMap(({ tail }) => tail)));
}

/** One form for conditions that mean the same. */
export function conditionKey({ operator, key, values }: Condition): string {
  return JSON.stringify([operator.name, key.name, values.map(({ source }) => source)]);
}

/** All literal text of the clauses, for an alphabet. */
export function literalText(clauses: readonly Clause[]): readonly string[] {
  return clauses.flatMap(({ statement }) =>
    statementTemplates(statement).flatMap(({ tokens }) =>
      tokens.flatMap((token) => (token.kind === 'text' ? [token.text] : [])),
    ),
  );
}

const LOCAL: PolicyBinding = { region: 'local', accountId: '000000000000' };

/** The regions and accounts between which the policies differ: the platform's own, or all that unbound documents name. */
export function bindingsOf(clauses: readonly Clause[]): readonly PolicyBinding[] {
  const bound = clauses.find(({ policy }) => policy.document.binding !== 'unbound')?.policy.document.binding;
  if (bound !== undefined && bound !== 'unbound') return [bound];
  const entries = clauses.flatMap(({ statement }) => statement.scope.entries);
  const named = (field: 'region' | 'accountId') =>
    new Set([...entries.map((entry) => entry[field]).filter((value) => value !== '*'), LOCAL[field]]);
  const accounts = [...named('accountId')];
  const all = [...named('region')].flatMap((region) => accounts.map((accountId) => ({ region, accountId })));
  const seen = new Set<string>();
  return all.filter((binding) => {
    const here = entries.map(({ region, accountId }) =>
      (region === '*' || region === binding.region) && (accountId === '*' || accountId === binding.accountId)
        ? 1
        : 0,
    );
    const key = here.join('');
    return !seen.has(key) && seen.add(key);
  });
}
