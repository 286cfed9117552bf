import { BudgetExceeded } from '../language/budget.ts';
import { type Arena, arenaOf } from './arena.ts';
import { candidatesOf } from './candidates.ts';
import type { Problem, Setting, Standing, Verdict, View } from './problem.ts';
import { search } from './search.ts';
import type { Ending, Way } from './search-node.ts';
import { traceOf } from './trace.ts';
import { choicesOf, isRegular } from './values-to-try.ts';
import { variablesKey, type World } from './worlds.ts';

/** Candidates that a goal may refuse in one setting before values of variables are tried out instead. */
const REFUSALS_MAX = 24;

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
