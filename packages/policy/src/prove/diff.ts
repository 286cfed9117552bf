import { POLICY_ACTIONS, type PolicyAction } from '../actions.ts';
import type { AttachedPolicy } from '../attached-policy.ts';
import type { Condition } from '../document.ts';
import { requestOf, solveWith } from './at-most.ts';
import { type Clause, clausesAbout, type PolicySet, resourceVariables } from './clauses.ts';
import { notesOn } from './notes.ts';
import type { Goal } from './problem.ts';
import { type ProofOptions, reasonOf } from './proof.ts';
import { decideWritten, type WrittenRequest } from './requests.ts';
import { doesMatch, mayMatch, mayRefuse, type Role, waysToAllow } from './role.ts';
import { bindingsFor, type Space, spaceOf } from './space.ts';

/** Resources that a statement lists or, with `except`, does not; and the conditions under which it does. */
export interface Patterns {
  readonly scope: 'only' | 'except';
  readonly resources: readonly string[];
  readonly when: readonly string[];
}

/** What an Allow of the old policies allowed already, or a Deny of the new ones denies. */
export interface Exception extends Patterns {
  readonly effect: 'Allow' | 'Deny';
}

/** Requests that the new policies allow and the old ones did not: those of `pattern`, and not those of `except`. */
export interface Addition {
  readonly actions: readonly PolicyAction[];
  readonly pattern: Patterns;
  /** What the old policies denied: only requests that are of this too. */
  readonly within?: Patterns;
  readonly except: readonly Exception[];
  /** One such request. */
  readonly example: WrittenRequest;
}

export interface PolicyDiff {
  readonly additions: readonly Addition[];
  /** Whether the additions are all there is and none can be left out; else the reason says why not. */
  readonly isExact: boolean;
  readonly reason?: string;
  readonly assumptions: readonly string[];
  readonly states: number;
}

/** One candidate: a resource of an Allow of the new policies, perhaps within a Deny of the old ones. */
interface Term {
  readonly base: Clause;
  /** The Allow that the base is a resource of: what it needs besides, the base needs too. */
  readonly whole: Clause;
  readonly within?: Clause;
}

interface Sides {
  readonly space: Space;
  readonly action: PolicyAction;
  readonly oldAllows: readonly Clause[];
  readonly newDenies: readonly Clause[];
}

const OLD = 0;
const NEW = 1;
const BASES = 2;

/** What `now` allows that `before` did not, as the fewest of its own patterns, each with what has to be taken out of it. */
export function diffPolicies(before: PolicySet, now: PolicySet, options: ProofOptions = {}): PolicyDiff {
  const space = spaceOf([before, now, splitAllows(now)], [], options);
  const found: Addition[] = [];
  let open: 'too large' | 'not regular' | undefined;
  for (const action of POLICY_ACTIONS) {
    const about = clausesAbout(space.clauses, action);
    const sides: Sides = {
      space,
      action,
      oldAllows: about.filter(({ set, isAllow }) => set === OLD && isAllow),
      newDenies: about.filter(({ set, isAllow }) => set === NEW && !isAllow),
    };
    const bases = about.filter(({ set }) => set === BASES);
    const oldDenies = about.filter(({ set, isAllow }) => set === OLD && !isAllow);
    const terms = bases.flatMap((base): Term[] => {
      const whole = wholeOf(base, about);
      return [{ base, whole }, ...oldDenies.map((within) => ({ base, whole, within }))];
    });
    const { kept, reason } = fewest(terms, sides);
    open ??= reason;
    for (const { term, request } of kept) found.push(additionOf(term, sides, request));
  }
  return {
    additions: sameTogether(found),
    isExact: open === undefined,
    ...(open === undefined ? {} : { reason: reasonOf(open, space.budget.statesMax) }),
    assumptions: notesOn(space),
    states: space.budget.used,
  };
}

/** Each resource of each Allow as a statement of its own; an Allow of all but something stays whole. */
function splitAllows(policies: PolicySet): PolicySet {
  return policies.map((policy) => {
    const statements = policy.document.statements
      .filter(({ effect }) => effect === 'Allow')
      .flatMap((statement) => {
        if (statement.scope.kind === 'except') return [statement];
        return statement.scope.entries.map((entry) => ({
          ...statement,
          scope: { kind: 'only' as const, entries: [entry] },
        }));
      });
    return { ...policy, document: { ...policy.document, statements } };
  });
}

function wholeOf(
  { policy: { name, via }, statement: { index } }: Clause,
  clauses: readonly Clause[],
): Clause {
  return clauses.find(
    ({ set, policy, statement }) =>
      set === NEW && policy.name === name && policy.via === via && statement.index === index,
  )!;
}

interface Kept {
  readonly term: Term;
  readonly request: WrittenRequest;
}

/** Terms that together cover everything, and of which none can be left out. */
function fewest(terms: readonly Term[], sides: Sides) {
  let reason: 'too large' | 'not regular' | undefined;
  let kept: Kept[] = [];
  const ask = (wanted: readonly Term[], others: readonly Term[]): readonly (WrittenRequest | undefined)[] => {
    const answers = firstRequests(
      wanted.map((term) => goalOf(term, others, sides)),
      sides,
    );
    for (const answer of answers) if (typeof answer === 'string') reason ??= answer;
    return answers.map((answer) => (typeof answer === 'string' ? undefined : answer));
  };
  const first = ask(terms, []);
  const simple = terms.flatMap((term, at) => (first[at] === undefined ? [] : [{ term, request: first[at] }]));
  // Whole patterns first: one within a Deny of the old policies is only needed for what they leave.
  for (const one of simple.toSorted(
    (a, b) => Number(a.term.within !== undefined) - Number(b.term.within !== undefined),
  )) {
    const [request] =
      kept.length === 0
        ? [one.request]
        : ask(
            [one.term],
            kept.map(({ term }) => term),
          );
    if (request !== undefined) kept.push({ term: one.term, request });
  }
  for (const one of [...kept]) {
    const others = kept.filter((other) => other !== one);
    const [request] =
      others.length === 0
        ? [one.request]
        : ask(
            [one.term],
            others.map(({ term }) => term),
          );
    if (request === undefined) kept = others;
  }
  return { kept, reason };
}

type Answer = WrittenRequest | 'too large' | 'not regular' | undefined;

function firstRequests(goals: readonly Goal[], { space, action }: Sides): readonly Answer[] {
  const answers: Answer[] = goals.map(() => undefined);
  for (const binding of bindingsFor(space, action)) {
    for (const [at, verdict] of solveWith(space, action, { binding, goals }).entries()) {
      if (typeof answers[at] === 'object') continue;
      if (verdict.kind === 'found') answers[at] = requestOf(verdict.candidate, action);
      else if (verdict.kind === 'open') answers[at] = verdict.reason;
    }
  }
  return answers;
}

/** A request that is new, is of the term, and is of none of the others. */
function goalOf(term: Term, others: readonly Term[], sides: Sides): Goal {
  const { space, action } = sides;
  return {
    mayBe: ({ role, accepted, worlds: [world] }) => {
      const { alive } = world!;
      const sight = { role: role(0), accepted: accepted(0), alive };
      const ways = waysToAllow(sight.role, sight.accepted, { set: NEW, alive });
      const isNew = ways.some((ruledOut) =>
        mayRefuse(sight.role, sight.accepted, { set: OLD, alive, ruledOut }),
      );
      return isNew && mayBeOf(term, sight, sides) && !others.some((other) => mustBeOf(other, sight, sides));
    },
    isIt: (candidate) => {
      const request = requestOf(candidate, action);
      const [before, now] = space.sets.map((policies) => decideWritten(policies, request).kind === 'allow');
      return (
        now! && !before! && isOf(term, request, sides) && !others.some((other) => isOf(other, request, sides))
      );
    },
  };
}

interface Sight {
  readonly role: Role;
  readonly accepted: Uint8Array;
  readonly alive: Uint8Array;
}

function mayBeOf(
  { base, whole, within }: Term,
  { role, accepted, alive }: Sight,
  { oldAllows }: Sides,
): boolean {
  const may = ({ id }: Clause) => alive[id] === 1 && mayMatch(role, accepted, { id, ruledOut: new Set() });
  const must = ({ id }: Clause) => alive[id] === 1 && doesMatch(role, accepted, id);
  return may(base) && may(whole) && (within === undefined ? !oldAllows.some(must) : may(within));
}

function mustBeOf(
  { base, whole, within }: Term,
  { role, accepted, alive }: Sight,
  { oldAllows }: Sides,
): boolean {
  const may = ({ id }: Clause) => alive[id] === 1 && mayMatch(role, accepted, { id, ruledOut: new Set() });
  const must = ({ id }: Clause) => alive[id] === 1 && doesMatch(role, accepted, id);
  return must(base) && must(whole) && (within === undefined ? !oldAllows.some(may) : must(within));
}

function isOf({ base, whole, within }: Term, request: WrittenRequest, { oldAllows }: Sides): boolean {
  if (!matches(base, request) || !matches(whole, request)) return false;
  return within === undefined
    ? !oldAllows.some((clause) => matches(clause, request))
    : matches(within, request);
}

function matches({ policy, statement }: Clause, request: WrittenRequest): boolean {
  const alone: AttachedPolicy = { ...policy, document: { ...policy.document, statements: [statement] } };
  return decideWritten([alone], request).kind !== 'implicitDeny';
}

function additionOf({ base, whole, within }: Term, sides: Sides, example: WrittenRequest): Addition {
  const taken = [...(within === undefined ? sides.oldAllows : []), ...sides.newDenies];
  const except = taken
    .filter((clause) => mayOverlap(base, clause, sides))
    .map((clause): Exception => ({ effect: clause.statement.effect, ...patternsOf(clause) }));
  return {
    actions: [sides.action],
    pattern: basePatterns(base, whole),
    ...(within === undefined ? {} : { within: patternsOf(within) }),
    except: [...new Map(except.map((one) => [JSON.stringify(one), one])).values()],
    example,
  };
}

/** Whether some request is of both. */
function mayOverlap(base: Clause, other: Clause, { action, space }: Sides): boolean {
  const goal: Goal = {
    mayBe: ({ role, accepted, worlds: [world] }) => {
      const may = (id: number) =>
        world!.alive[id] === 1 && mayMatch(role(0), accepted(0), { id, ruledOut: new Set() });
      return may(base.id) && may(other.id);
    },
    isIt: (candidate) => [base, other].every((clause) => matches(clause, requestOf(candidate, action))),
  };
  return bindingsFor(space, action).some(
    (binding) => solveWith(space, action, { binding, goals: [goal] })[0]!.kind !== 'impossible',
  );
}

function patternsOf({ statement }: Clause): Patterns {
  const { scope, conditions } = statement;
  return {
    scope: scope.kind,
    resources: scope.entries.map(({ source }) => source),
    when: conditions.map(conditionText),
  };
}

/** An Allow that lists a variable without a value matches nothing, not its other resources either. */
function basePatterns(base: Clause, whole: Clause): Patterns {
  const patterns = patternsOf(base);
  const own = namesIn(base);
  const others = namesIn(whole).filter((name) => !own.includes(name));
  return { ...patterns, when: [...patterns.when, ...others.map((name) => `${name} has a value`)] };
}

function namesIn(clause: Clause): readonly string[] {
  return resourceVariables([clause]).map(({ name }) => name);
}

function conditionText({ operator, key, values }: Condition): string {
  return `${operator.name} ${key.name} ${values.map(({ source }) => source).join(', ')}`;
}

/** Additions that differ in their actions only are one. */
function sameTogether(additions: readonly Addition[]): readonly Addition[] {
  const groups = Map.groupBy(additions, ({ pattern, within, except }) =>
    JSON.stringify([pattern, within, except]),
  );
  return [...groups.values()].map((group) => ({
    ...group[0]!,
    actions: group.flatMap(({ actions }) => actions),
  }));
}
