import type { PolicyAction, ResourceType } from '../actions.ts';
import type { PolicyBinding } from '../document.ts';
import { BudgetExceeded, type StateBudget } from '../language/budget.ts';
import { DEAD, Machine } from '../language/machine.ts';
import { type Pattern, patternOf } from '../language/pattern.ts';
import type { Symbols } from '../language/symbols.ts';
import type { Token } from '../template.ts';
import { type Candidate, candidatesOf } from './candidates.ts';
import type { Clause } from './clauses.ts';
import { clausesAbout, entriesHere } from './clauses.ts';
import { CLIENT_ID, known, THING_NAME } from './facts.ts';
import { levelTexts } from './level-texts.ts';
import { isWithinLevel, mayContain } from './ranges.ts';
import { isHopeless, isWithinLevels, type Role, roleOf } from './role.ts';
import {
  type Ending,
  type Range,
  type Reader,
  type SearchOptions,
  type Speaker,
  search,
  type Way,
} from './search.ts';
import { traceOf } from './trace.ts';
import { type VariableState, variablesKey, type World } from './worlds.ts';

/** What a question reads the name with: the resources of an action, or a pattern that is given. */
export type Part =
  | {
      readonly kind: 'action';
      readonly action: PolicyAction;
      readonly reads: Reader['reads'];
      /** As of the reader that it becomes: numbers of other parts. */
      readonly partner?: number;
      readonly substitute?: number;
      readonly speaker: number;
    }
  /** Names that match one of the patterns; `isRequired` leaves all others out. */
  | {
      readonly kind: 'patterns';
      readonly patterns: readonly (readonly Token[])[];
      readonly isRequired: boolean;
    };

/** Something that would be wrong, to be found or ruled out. */
export interface Goal {
  /** Whether the parts, as they have read the name, may be it. Says yes when in doubt. */
  readonly mayBe: (view: View) => boolean;
  /** Decides on concrete requests; true when it is. */
  readonly isIt: (candidate: Candidate) => boolean;
}

export interface View {
  /** The role of a part about an action. */
  readonly role: (part: number) => Role;
  readonly parts: number;
  /** What the part's machine accepts at this place. */
  readonly accepted: (part: number) => Uint8Array;
  /** Whether a part that reads shared names has a shared filter beside it. */
  readonly isActive: (part: number) => boolean;
  readonly worlds: readonly World[];
}

export interface Problem {
  readonly clauses: readonly Clause[];
  readonly binding: PolicyBinding;
  readonly symbols: Symbols;
  readonly budget: StateBudget;
  readonly parts: readonly Part[];
  /** Of what type the name is that all parts read. */
  readonly type: ResourceType;
  /** For each speaker the worlds it can be in; made within the budget. */
  readonly speakers: () => readonly (readonly World[])[];
  readonly goals: readonly Goal[];
  /** Patterns of client ids by which a connection may be allowed: worth trying in a counter-example. */
  readonly clientIds?: readonly (readonly Token[])[];
  /** Whether goals ask for what Denies match, allowed or not. */
  readonly wantsDenies?: boolean;
  /** Variables of which two speakers never have the same value. */
  readonly distinct?: readonly string[];
}

export type Verdict =
  | { readonly kind: 'found'; readonly candidate: Candidate }
  | { readonly kind: 'impossible' }
  | { readonly kind: 'open'; readonly reason: 'too large' | 'not regular' };

/** Candidates that a goal may refuse in one setting before values of variables are tried out instead. */
const REFUSALS_MAX = 24;
const ASSIGNMENTS_MAX = 3_000;

interface Setting {
  /** For each speaker worlds in which variables are the same. */
  readonly groups: readonly (readonly World[])[];
}

interface Standing {
  readonly goal: Goal;
  verdict: Verdict | undefined;
  /** Whether some text with marks may be it in the setting at hand, though no request was. */
  isSuspect: boolean;
  refusals: number;
}

/** Finds each goal, or shows that it is impossible over all names and all worlds, or says that it cannot tell. */
export function solve(problem: Problem): readonly Verdict[] {
  const standings = problem.goals.map(
    (goal): Standing => ({ goal, verdict: undefined, isSuspect: false, refusals: 0 }),
  );
  try {
    for (const setting of settingsOf(problem)) {
      solveSetting(setting, standings, problem);
      if (standings.every(({ verdict }) => verdict?.kind === 'found')) break;
    }
  } catch (error) {
    if (!(error instanceof BudgetExceeded)) throw error;
    for (const standing of standings) standing.verdict ??= { kind: 'open', reason: 'too large' };
  }
  return standings.map(({ verdict }) => verdict ?? { kind: 'impossible' });
}

function settingsOf({ speakers }: Problem): readonly Setting[] {
  const grouped = speakers().map((worlds) => [...Map.groupBy(worlds, variablesKey).values()]);
  const [first = [], second] = grouped;
  if (second === undefined) return first.map((group) => ({ groups: [group] }));
  return first.flatMap((left) => second.map((right) => ({ groups: [left, right] })));
}

function solveSetting(setting: Setting, standings: readonly Standing[], problem: Problem): void {
  const open = standings.filter(({ verdict }) => verdict === undefined || verdict.kind === 'open');
  if (open.length === 0) return;
  for (const standing of open) {
    standing.isSuspect = false;
    standing.refusals = 0;
  }
  const variables = setting.groups.map(([world]) => world!.variables);
  const arena = arenaOf(setting, variables, problem);
  explore(arena, open, problem);
  const suspects = open.filter(({ isSuspect, verdict }) => isSuspect && verdict?.kind !== 'found');
  if (suspects.length > 0) tryValues(arena, suspects, problem);
}

/** One choice of what every variable is, with the machines for it. */
interface Arena {
  readonly setting: Setting;
  readonly variables: readonly ReadonlyMap<string, VariableState>[];
  readonly roles: readonly (Role | undefined)[];
  readonly patterns: readonly Pattern[];
  readonly options: SearchOptions;
}

function arenaOf(
  setting: Setting,
  variables: readonly ReadonlyMap<string, VariableState>[],
  problem: Problem,
): Arena {
  const { parts, symbols, budget } = problem;
  const roles: (Role | undefined)[] = [];
  const patterns: Pattern[] = [];
  const readers = parts.map((part): Reader => {
    if (part.kind === 'patterns') {
      const own = part.patterns.map((tokens) => patternOf(tokens, symbols));
      roles.push(undefined);
      patterns.push(...own);
      const isLost = (state: number) => part.isRequired && state === DEAD;
      return { machine: new Machine(own, budget), reads: 'name', speaker: 0, isHopeless: isLost };
    }
    const nameOf = namesIn(setting.groups[part.speaker]![0]!);
    const role = roleOf({ ...problem, action: part.action, variables: variables[part.speaker]!, nameOf });
    roles.push(role);
    patterns.push(...role.patterns);
    return {
      machine: role.machine,
      reads: part.reads,
      partner: part.partner,
      substitute: part.substitute,
      speaker: part.speaker,
      isHopeless: hopelessness(role, problem),
    };
  });
  const speakers = variables.map((states, speaker) => speakerOf(states, setting.groups[speaker]![0]!));
  const options = {
    readers,
    speakers,
    type: problem.type,
    symbols,
    budget,
    ...optional(problem, variables, setting),
  };
  return { setting, variables, roles, patterns, options };
}

function hopelessness(role: Role, { wantsDenies = false }: Problem): (state: number) => boolean {
  const known = new Map<number, boolean>();
  return (state) => {
    const verdict = known.get(state) ?? isHopeless(role, state, wantsDenies);
    known.set(state, verdict);
    return verdict;
  };
}

/** The variables that have the same value as this one in that world, itself among them. */
function equalsOf(name: string, { association, clientAlias }: World['facts']): readonly string[] {
  const equal = [
    CLIENT_ID,
    ...(association === 'named' ? [THING_NAME] : []),
    ...(clientAlias === undefined ? [] : [clientAlias]),
  ];
  return equal.includes(name) ? equal : [name];
}

/** In a world in which variables are the same, all have one name: the thing's if it is one of them. */
export function namesIn({ facts }: World): (name: string) => string {
  return (name) => {
    const equal = equalsOf(name, facts);
    return equal.length === 1 ? name : equal.includes(THING_NAME) ? THING_NAME : equal.at(-1)!;
  };
}

function speakerOf(states: ReadonlyMap<string, VariableState>, world: World): Speaker {
  const nameOf = namesIn(world);
  const variables = new Map<string, Range>();
  for (const [name, state] of states) {
    if (state.kind !== 'open') continue;
    const variable = known(nameOf(name));
    variables.set(nameOf(name), {
      mayContain: (traits) => mayContain(variable, traits),
      constraint: state.constraint ?? variables.get(nameOf(name))?.constraint,
    });
  }
  return { variables };
}

/** A client that connects is its client id: the name is then of the characters that its variable may have. */
function optional(
  { parts, distinct }: Problem,
  variables: readonly ReadonlyMap<string, VariableState>[],
  { groups }: Setting,
): Pick<SearchOptions, 'nameMayContain' | 'uniqueOf'> {
  const [part] = parts;
  const isConnect = part?.kind === 'action' && part.action === 'iot:Connect';
  const state = variables[0]?.get(CLIENT_ID);
  const variable = known(namesIn(groups[0]![0]!)(CLIENT_ID));
  const uniqueOf = (variable: string, speaker: number) =>
    equalsOf(variable, groups[speaker]![0]!.facts).filter((name) => distinct?.includes(name));
  return {
    ...(distinct === undefined ? {} : { uniqueOf: uniqueOf }),
    ...(isConnect && state?.kind === 'open'
      ? { nameMayContain: (traits: number) => mayContain(variable, traits) }
      : {}),
  };
}

/** Goes through all names and notes which goals may be, and which are. */
function explore(arena: Arena, standings: readonly Standing[], problem: Problem): void {
  for (const ending of search(arena.options)) {
    const waiting = standings.filter(isWaiting);
    if (waiting.length === 0) return;
    for (const ways of waysOf(ending)) {
      for (const worlds of combinations(arena.setting.groups)) {
        for (const standing of waiting) consider(standing, { ending, ways, worlds, arena, problem });
      }
    }
  }
}

function isWaiting({ verdict, refusals }: Standing): boolean {
  return verdict?.kind !== 'found' && refusals < REFUSALS_MAX;
}

interface Sight {
  readonly ending: Ending;
  readonly ways: readonly Way[];
  readonly worlds: readonly World[];
  readonly arena: Arena;
  readonly problem: Problem;
}

function consider(standing: Standing, { ending, ways, worlds, arena, problem }: Sight): void {
  const view: View = {
    parts: ways.length,
    role: (part) => arena.roles[part]!,
    accepted: (part) => arena.options.readers[part]!.machine.accepted(ways[part]!.state),
    isActive: (part) => ways[part]!.isActive,
    worlds,
  };
  if (!isWaiting(standing) || !standing.goal.mayBe(view)) return;
  standing.isSuspect = true;
  const suffixes = ways.map(({ suffix }) => suffix);
  const trace = traceOf(ending, suffixes, arena.options);
  for (const candidate of candidatesOf(trace, { worlds, variables: arena.variables, problem })) {
    if (standing.goal.isIt(candidate)) {
      standing.verdict = { kind: 'found', candidate };
      return;
    }
  }
  standing.refusals++;
}

function waysOf({ states }: Ending): readonly Sight['ways'][] {
  return states.reduce<readonly Sight['ways'][]>(
    (ways, choices) => ways.flatMap((way) => choices.map((choice) => [...way, choice])),
    [[]],
  );
}

function combinations([first = [], second]: Setting['groups']): readonly (readonly World[])[] {
  if (second === undefined) return first.map((world) => [world]);
  return first.flatMap((left) => second.map((right) => [left, right]));
}

/**
 * Puts texts in for the variables and asks again. Where the texts stand for all values, what is then not found is not
 * there; otherwise the question stays open.
 */
function tryValues(arena: Arena, suspects: readonly Standing[], problem: Problem): void {
  const choices = choicesOf(arena, problem);
  const isExact = choices.isComplete && isRegular(arena, problem);
  for (const variables of choices.assignments) {
    for (const suspect of suspects) suspect.refusals = 0;
    const open = suspects.filter(({ verdict }) => verdict?.kind !== 'found');
    if (open.length === 0) return;
    explore(arenaOf(arena.setting, variables, problem), open, problem);
    // With no variable left a name that may be it is it, unless a condition was only assumed.
    for (const one of open)
      if (one.verdict?.kind !== 'found' && one.refusals > 0)
        one.verdict = { kind: 'open', reason: 'not regular' };
  }
  if (isExact) return;
  for (const one of suspects)
    if (one.verdict?.kind !== 'found') one.verdict = { kind: 'open', reason: 'not regular' };
}

interface Choices {
  readonly assignments: readonly (readonly ReadonlyMap<string, VariableState>[])[];
  readonly isComplete: boolean;
}

function choicesOf({ variables, patterns, setting }: Arena, problem: Problem): Choices {
  const names = variables.map((states, speaker) => {
    const nameOf = namesIn(setting.groups[speaker]![0]!);
    return [...new Set([...states].filter(([, { kind }]) => kind === 'open').map(([name]) => nameOf(name)))];
  });
  const perKind = names.flat().length;
  let assignments: readonly (readonly ReadonlyMap<string, string>[])[] = [names.map(() => new Map())];
  let isComplete = perKind <= 4;
  for (const [speaker, own] of names.entries()) {
    for (const name of own) {
      const variable = known(name);
      const range = { mayContain: (traits: number) => mayContain(variable, traits), perKind };
      const found = levelTexts(constrained(patterns), { ...problem, ...range });
      isComplete &&= found.isComplete;
      const extended = assignments.flatMap((assignment) =>
        found.texts.map((text) =>
          assignment.map((texts, at) => (at === speaker ? new Map([...texts, [name, text]]) : texts)),
        ),
      );
      isComplete &&= extended.length <= ASSIGNMENTS_MAX;
      assignments = extended.slice(0, ASSIGNMENTS_MAX);
    }
  }
  const allowed = assignments.filter((texts) => isPossible(texts, { variables, setting, problem }));
  return { assignments: allowed.map((texts) => applied(texts, variables, setting)), isComplete };
}

/** The patterns, each once. */
function constrained(patterns: readonly Pattern[]): readonly Pattern[] {
  return [...new Map(patterns.map((pattern) => [JSON.stringify(pattern), pattern])).values()];
}

function applied(
  texts: readonly ReadonlyMap<string, string>[],
  variables: Arena['variables'],
  { groups }: Setting,
): readonly ReadonlyMap<string, VariableState>[] {
  return variables.map((states, speaker) => {
    const nameOf = namesIn(groups[speaker]![0]!);
    return new Map(
      [...states].map(([name, state]): [string, VariableState] => {
        const text = texts[speaker]!.get(nameOf(name));
        return [name, state.kind === 'open' && text !== undefined ? { kind: 'text', text } : state];
      }),
    );
  });
}

/** Whether the texts are of the classes that this setting is about, and differ where they have to. */
function isPossible(
  texts: readonly ReadonlyMap<string, string>[],
  {
    variables,
    setting,
    problem,
  }: { readonly variables: Arena['variables']; readonly setting: Setting; readonly problem: Problem },
): boolean {
  if (problem.distinct?.some((name) => hasOneValue(name, texts, setting))) return false;
  return variables.every((states, speaker) => {
    const [world] = setting.groups[speaker]!;
    const nameOf = namesIn(world!);
    const own = texts[speaker]!;
    if (
      world!.facts.association === 'exclusive' &&
      own.has(CLIENT_ID) &&
      own.get(CLIENT_ID) === own.get(THING_NAME)
    )
      return false;
    return [...states].every(([name, state]) => {
      if (state.kind !== 'open' || state.constraint === undefined) return true;
      const { machine, vector } = state.constraint;
      const end = [...own.get(nameOf(name))!].reduce(
        (at, char) => machine.step(at, problem.symbols.symbolOf(char)),
        machine.start,
      );
      return machine.accepted(end).join('') === vector;
    });
  });
}

/** Whether both speakers have the same text for the variable. */
function hasOneValue(
  name: string,
  texts: readonly ReadonlyMap<string, string>[],
  { groups }: Setting,
): boolean {
  const [left, right] = texts.map((own, speaker) => own.get(namesIn(groups[speaker]![0]!)(name)));
  return left !== undefined && left === right;
}

/** Whether every variable fills one level wherever it stands, so that texts of one kind can stand for each other. */
function isRegular({ roles, setting, variables }: Arena, { clauses, binding, parts }: Problem): boolean {
  return parts.every((part, index) => {
    if (part.kind === 'patterns') return true;
    if (roles[index]!.hasLoose) return false;
    const states = variables[part.speaker]!;
    const nameOf = namesIn(setting.groups[part.speaker]![0]!);
    const open = [...states].filter(([, { kind }]) => kind === 'open').map(([name]) => name);
    const tails = clausesAbout(clauses, part.action).flatMap((clause) =>
      entriesHere(clause, binding).map(({ tail }) => tail),
    );
    return (
      tails.every((tail) => isWithinLevels(renamed(tail, nameOf)) || !mentions(tail, open)) &&
      open.every(
        (name) => isWithinLevel(known(nameOf(name))) || !tails.some((tail) => mentions(tail, [name])),
      )
    );
  });
}

function mentions(tail: readonly Token[], names: readonly string[]): boolean {
  return tail.some((token) => token.kind === 'variable' && names.includes(token.variable.name));
}

function renamed(tail: readonly Token[], nameOf: (name: string) => string): readonly Token[] {
  return tail.map((token) =>
    token.kind === 'variable' ? { kind: 'variable', variable: known(nameOf(token.variable.name)) } : token,
  );
}
