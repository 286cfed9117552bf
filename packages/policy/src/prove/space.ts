import type { PolicyAction } from '../actions.ts';
import type { PolicyBinding } from '../document.ts';
import { StateBudget } from '../language/budget.ts';
import { Symbols } from '../language/symbols.ts';
import { bindingsOf, type Clause, clausesAbout, clausesOf, literalText, type PolicySet } from './clauses.ts';
import { type ProofOptions, STATES_MAX } from './proof.ts';
import { variablesKey, type World, type WorldOptions, worldsOf } from './worlds.ts';

/** What all proofs about the same policies share. */
export interface Space {
  readonly sets: readonly PolicySet[];
  readonly clauses: readonly Clause[];
  readonly symbols: Symbols;
  readonly budget: StateBudget;
  readonly bindings: readonly PolicyBinding[];
}

const CASES = 'kK\u212a';

export function spaceOf(
  sets: readonly PolicySet[],
  extra: readonly string[],
  { statesMax = STATES_MAX }: ProofOptions,
): Space {
  const clauses = clausesOf(sets);
  const texts = [...literalText(clauses), ...extra];
  const folded = clauses.some(({ statement }) =>
    statement.conditions.some(({ operator }) => operator.comparison === 'equalsIgnoreCase'),
  );
  const all = folded
    ? [...texts.flatMap((text) => [text, text.toLowerCase(), text.toUpperCase()]), CASES]
    : texts;
  return {
    sets,
    clauses,
    symbols: new Symbols(all),
    budget: new StateBudget(statesMax),
    bindings: bindingsOf(clauses),
  };
}

/** A request for every resource names no region: only entries that name none either are about it. */
const NOWHERE: PolicyBinding = { region: '', accountId: '' };

/** The bindings under which requests for the action are looked at. */
export function bindingsFor({ clauses, bindings }: Space, action: PolicyAction): readonly PolicyBinding[] {
  const isUnbound = clauses.some(({ policy }) => policy.document.binding === 'unbound');
  return action === 'iot:ListRetainedMessages' && isUnbound ? [NOWHERE] : bindings;
}

/** The clauses about any of the actions, numbered as in the space, and the worlds that they tell apart. */
export function worldsFor(
  space: Space,
  actions: readonly PolicyAction[],
  options: Pick<WorldOptions, 'binding' | 'connected' | 'withoutExclusive'>,
): readonly World[] {
  const ids = new Set(actions.flatMap((action) => clausesAbout(space.clauses, action).map(({ id }) => id)));
  const clauses = space.clauses.filter(({ id }) => ids.has(id));
  const worlds = worldsOf(clauses, { ...space, ...options });
  return worlds.map((world) => {
    const alive = new Uint8Array(space.clauses.length);
    for (const [index, { id }] of clauses.entries()) alive[id] = world.alive[index]!;
    return { ...world, alive };
  });
}

/**
 * Leaves out worlds in which nothing is allowed that another one does not allow: one has at least its Allows and at most
 * its Denies, with the same said of variables. Enough where the question is what may be allowed.
 */
export function widestWorlds(worlds: readonly World[], { clauses, budget }: Space): readonly World[] {
  const allowed = ({ alive }: World) =>
    clauses.filter(({ id, isAllow }) => isAllow === (alive[id] === 1)).length;
  const groups = Map.groupBy(worlds, variablesKey);
  return [...groups.values()].flatMap((group) => {
    const kept: World[] = [];
    for (const world of group.toSorted((a, b) => allowed(b) - allowed(a))) {
      budget.spend(1 + (kept.length >> 4));
      const isCovered = kept.some((wider) =>
        clauses.every(({ id, isAllow }) =>
          isAllow ? wider.alive[id]! >= world.alive[id]! : wider.alive[id]! <= world.alive[id]!,
        ),
      );
      if (!isCovered) kept.push(world);
    }
    return kept;
  });
}
