import { ActionTable } from './action-table.ts';
import type { PolicyAction } from './actions.ts';
import { type AttachedPolicy, compilePolicy } from './compile-statement.ts';
import type { PrincipalContext } from './context.ts';
import { decide } from './decide.ts';
import type { Decision } from './decision.ts';

/** The policies of one connection, ready to answer. */
export interface CompiledPrincipal {
  /**
   * Whether the action on that resource is allowed. `name` is what follows `topic/`, `topicfilter/`, `client/` or
   * `thing/`. Without `nowMs` (milliseconds since 1970) conditions on time are unresolved, which denies.
   */
  allows(action: PolicyAction, name: string, nowMs?: number): boolean;
  /** Whether a statement denies it explicitly: for callers that ask about one thing under two names. */
  denies(action: PolicyAction, name: string, nowMs?: number): boolean;
  /** The same answer as `allows`, with its reasons. */
  decide(action: PolicyAction, name: string, nowMs?: number): Decision;
  /** Whether any answer can change with the time alone; when not, `nowMs` need not be given and answers may be kept. */
  readonly dependsOnTime: boolean;
}

/**
 * Compiles the policies in force for a principal: the default versions attached to its certificate and to its thing's
 * groups. Of groups attached while `context.thing` is absent only the Deny statements count.
 */
export function compilePrincipal(
  policies: readonly AttachedPolicy[],
  context: PrincipalContext,
): CompiledPrincipal {
  const statements = policies.flatMap((policy) => compilePolicy(policy, context));
  const tables = new Map<PolicyAction, ActionTable>();
  const tableOf = (action: PolicyAction): ActionTable => {
    const known = tables.get(action);
    if (known !== undefined) return known;
    const table = new ActionTable(action, { statements, context });
    tables.set(action, table);
    return table;
  };
  return {
    allows: (action, name, nowMs) => tableOf(action).allows(name, nowMs),
    denies: (action, name, nowMs) => tableOf(action).denies(name, nowMs),
    decide: (action, name, nowMs) => decide({ action, name, nowMs }, { statements, context }),
    dependsOnTime: statements.some(({ timeConditions }) => timeConditions.length > 0),
  };
}
