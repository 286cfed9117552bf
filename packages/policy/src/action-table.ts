import { type PolicyAction, resourceTypeOf } from './actions.ts';
import { type CompiledStatement, holds } from './compile-statement.ts';
import { evaluateCondition } from './conditions.ts';
import type { PrincipalContext } from './context.ts';
import { PatternSet } from './pattern-set.ts';

/** The statements of one effect about one action. */
interface Side {
  /** All statements that list resources and depend on nothing else, merged. */
  readonly merged: PatternSet;
  readonly others: readonly Rule[];
  /** No statement at all, as on the Deny side of most policies. */
  readonly isEmpty: boolean;
}

/** A statement that cannot be merged: it lists exceptions, or looks at the time. */
interface Rule {
  readonly patterns: PatternSet;
  readonly scope: 'only' | 'except';
  readonly statement: CompiledStatement;
}

/** Answers for one action of one principal. The first question builds it, the others allocate nothing. */
export class ActionTable {
  readonly #isNameless: boolean;
  readonly #context: PrincipalContext;
  readonly #allow: Side;
  readonly #deny: Side;

  constructor(
    action: PolicyAction,
    from: { readonly statements: readonly CompiledStatement[]; readonly context: PrincipalContext },
  ) {
    const relevant = from.statements.filter(
      ({ reach, statement }) => reach === 'open' && statement.actions.includes(action),
    );
    this.#isNameless = resourceTypeOf(action) === 'none';
    this.#context = from.context;
    this.#allow = buildSide(
      action,
      relevant.filter(({ ref }) => ref.effect === 'Allow'),
    );
    this.#deny = buildSide(
      action,
      relevant.filter(({ ref }) => ref.effect === 'Deny'),
    );
  }

  allows(name: string, nowMs: number | undefined): boolean {
    const matched = this.#isNameless ? '' : name;
    return !this.#matches(this.#deny, matched, nowMs) && this.#matches(this.#allow, matched, nowMs);
  }

  denies(name: string, nowMs: number | undefined): boolean {
    return this.#matches(this.#deny, this.#isNameless ? '' : name, nowMs);
  }

  #matches(side: Side, name: string, nowMs: number | undefined): boolean {
    if (side.isEmpty) return false;
    if (side.merged.matches(name)) return true;
    for (const rule of side.others) {
      if (rule.patterns.matches(name) === (rule.scope === 'only') && this.#isTimely(rule.statement, nowMs))
        return true;
    }
    return false;
  }

  #isTimely(statement: CompiledStatement, nowMs: number | undefined): boolean {
    if (statement.timeConditions.length === 0) return true;
    return timeHolds(statement, { context: this.#context, nowMs });
  }
}

/** Whether the statement's conditions on time hold at that moment. */
export function timeHolds(
  { timeConditions, ref, binding }: CompiledStatement,
  at: { readonly context: PrincipalContext; readonly nowMs: number | undefined },
): boolean {
  return timeConditions.every((condition) =>
    holds(ref.effect, evaluateCondition(condition, { ...at, binding })),
  );
}

function buildSide(action: PolicyAction, statements: readonly CompiledStatement[]): Side {
  const merged = new PatternSet();
  const others: Rule[] = [];
  for (const statement of statements) {
    const isPlain = statement.scope === 'only' && statement.timeConditions.length === 0;
    const patterns = isPlain ? merged : new PatternSet();
    for (const entry of statement.entries) {
      for (const glob of entry.globsFor(resourceTypeOf(action))) patterns.add(glob);
    }
    if (!isPlain) others.push({ patterns, scope: statement.scope, statement });
  }
  return { merged, others, isEmpty: statements.length === 0 };
}
