import { POLICY_ACTIONS, type PolicyAction } from '../actions.ts';
import { requestOf, solveWith } from './at-most.ts';
import { type Clause, clausesAbout, type PolicySet } from './clauses.ts';
import { notesOn } from './notes.ts';
import type { Goal } from './problem.ts';
import { type ProofOptions, reasonOf } from './proof.ts';
import { decideWritten } from './requests.ts';
import { mayAllow, mayMatch, mayRefuse, waysToAllow } from './role.ts';
import { bindingsFor, type Space, spaceOf } from './space.ts';

/** A statement without which the policies decide the same about every request. */
export interface DeadStatement {
  readonly policyName: string;
  readonly index: number;
  readonly path: string;
  readonly sid?: string;
  readonly effect: 'Allow' | 'Deny';
  /** `unmatchable`: no request matches it; `covered`: others decide the same wherever it matches. */
  readonly why: 'unmatchable' | 'covered';
}

export interface DeadStatements {
  /** All of them can be taken out together. */
  readonly dead: readonly DeadStatement[];
  /** Statements of which it was not found out, and why. */
  readonly undecided: readonly Omit<DeadStatement, 'why'>[];
  readonly reason?: string;
  readonly assumptions: readonly string[];
  readonly states: number;
}

type Life = 'alive' | 'dead' | 'open';

/** The statements that change nothing, so that all of those that are named can be removed and nothing changes. */
export function findDead(policies: PolicySet, options: ProofOptions = {}): DeadStatements {
  const space = spaceOf([policies], [], options);
  const first = livesOf(space, { removed: new Set(), among: space.clauses });
  const removed = new Set<number>();
  // Of two that say the same one must stay: each is only dead while the other one is there. The later one goes.
  for (const clause of space.clauses.toReversed()) {
    if (first.get(clause.id) !== 'dead') continue;
    const isDead =
      removed.size === 0 || livesOf(space, { removed, among: [clause] }).get(clause.id) === 'dead';
    if (isDead) removed.add(clause.id);
  }
  const dead = space.clauses.filter(({ id }) => removed.has(id));
  const matched = matchedAmong(space, dead);
  const undecided = space.clauses.filter(({ id }) => first.get(id) === 'open').map(described);
  const isSpent = space.budget.used > space.budget.statesMax;
  return {
    dead: dead.map((clause) => ({
      ...described(clause),
      why: matched.has(clause.id) ? 'covered' : 'unmatchable',
    })),
    undecided,
    ...(undecided.length === 0
      ? {}
      : { reason: reasonOf(isSpent ? 'too large' : 'not regular', space.budget.statesMax) }),
    assumptions: notesOn(space),
    states: space.budget.used,
  };
}

function described({ policy, statement }: Clause): Omit<DeadStatement, 'why'> {
  const { index, path, sid, effect } = statement;
  return { policyName: policy.name, index, path, ...(sid === undefined ? {} : { sid }), effect };
}

interface Removal {
  readonly removed: ReadonlySet<number>;
  readonly among: readonly Clause[];
}

/** Whether each of the statements changes a decision, with some others taken out. */
function livesOf(space: Space, { removed, among }: Removal): ReadonlyMap<number, Life> {
  const lives = new Map<number, Life>(among.map(({ id }) => [id, 'dead']));
  for (const action of POLICY_ACTIONS) {
    for (const binding of bindingsFor(space, action)) {
      const asked = clausesAbout(among, action).filter(
        ({ id }) => lives.get(id) !== 'alive' && !removed.has(id),
      );
      if (asked.length === 0) continue;
      const goals = asked.map((clause) => changeBy(clause, { space, action, removed }));
      for (const [index, verdict] of solveWith(space, action, { binding, goals }).entries()) {
        const { id } = asked[index]!;
        if (verdict.kind === 'found') lives.set(id, 'alive');
        else if (verdict.kind === 'open') lives.set(id, 'open');
      }
    }
  }
  return lives;
}

/** A request that is decided in another way without the statement. */
function changeBy(
  { id, isAllow }: Clause,
  {
    space,
    action,
    removed,
  }: { readonly space: Space; readonly action: PolicyAction; readonly removed: ReadonlySet<number> },
): Goal {
  const kept = withoutClauses(space, removed);
  const rest = withoutClauses(space, new Set([...removed, id]));
  return {
    mayBe: ({ role, accepted, worlds: [world] }) => {
      const alive = world!.alive.slice();
      for (const gone of removed) alive[gone] = 0;
      if (alive[id] === 0) return false;
      const own = { set: 0, alive, without: id };
      if (!isAllow) {
        return waysToAllow(role(0), accepted(0), own).some((ruledOut) =>
          mayMatch(role(0), accepted(0), { id, ruledOut }),
        );
      }
      const only = alive.map((is, at) => (space.clauses[at]!.isAllow && at !== id ? 0 : is));
      return waysToAllow(role(0), accepted(0), { set: 0, alive: only }).some((ruledOut) =>
        mayRefuse(role(0), accepted(0), { ...own, ruledOut }),
      );
    },
    isIt: (candidate) => {
      const request = requestOf(candidate, action);
      const isAllowed = (policies: PolicySet) => decideWritten(policies, request).kind === 'allow';
      return isAllowed(kept) !== isAllowed(rest);
    },
  };
}

function withoutClauses({ sets, clauses }: Space, gone: ReadonlySet<number>): PolicySet {
  return sets[0]!.map((policy) => {
    const kept = clauses.filter((clause) => clause.policy === policy && !gone.has(clause.id));
    return {
      ...policy,
      document: { ...policy.document, statements: kept.map(({ statement }) => statement) },
    };
  });
}

/** For each statement whether some request matches it: also yes when that was not found out. */
export function findMatched(
  policies: PolicySet,
  options: ProofOptions = {},
): { readonly matched: readonly boolean[]; readonly states: number } {
  const space = spaceOf([policies], [], options);
  const matched = matchedAmong(space, space.clauses);
  return { matched: space.clauses.map(({ id }) => matched.has(id)), states: space.budget.used };
}

/** Which of the statements match some request at all. */
function matchedAmong(space: Space, among: readonly Clause[]): ReadonlySet<number> {
  const matched = new Set<number>();
  for (const action of POLICY_ACTIONS) {
    for (const binding of bindingsFor(space, action)) {
      const asked = clausesAbout(among, action).filter(({ id }) => !matched.has(id));
      if (asked.length === 0) continue;
      const goals = asked.map((clause) => matchOf(clause, action));
      for (const [index, verdict] of solveWith(space, action, {
        binding,
        goals,
        wantsDenies: true,
      }).entries())
        if (verdict.kind !== 'impossible') matched.add(asked[index]!.id);
    }
  }
  return matched;
}

function matchOf(clause: Clause, action: PolicyAction): Goal {
  const { id } = clause;
  const document = { ...clause.policy.document, statements: [clause.statement] };
  return {
    mayBe: ({ role, accepted, worlds: [world] }) => {
      if (world!.alive[id] === 0) return false;
      const alone = world!.alive.map((_is, at) => (at === id ? 1 : 0));
      if (clause.isAllow) return mayAllow(role(0), accepted(0), { set: 0, alive: alone });
      return mayMatch(role(0), accepted(0), { id, ruledOut: new Set() });
    },
    isIt: (candidate) =>
      decideWritten([{ ...clause.policy, document }], requestOf(candidate, action)).kind !== 'implicitDeny',
  };
}
