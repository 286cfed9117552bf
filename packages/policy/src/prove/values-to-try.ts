import type { Pattern } from '../language/pattern.ts';
import type { Token } from '../template.ts';
import { type Arena, namesIn } from './arena.ts';
import { clausesAbout, entriesHere } from './clauses.ts';
import { CLIENT_ID, known, THING_NAME } from './facts.ts';
import { levelTexts } from './level-texts.ts';
import type { Problem, Setting } from './problem.ts';
import { isWithinLevel, mayContain } from './ranges.ts';
import { isWithinLevels } from './role.ts';
import type { VariableState } from './worlds.ts';

const ASSIGNMENTS_MAX = 3_000;

interface Choices {
  readonly assignments: readonly (readonly ReadonlyMap<string, VariableState>[])[];
  readonly isComplete: boolean;
}

export function choicesOf({ variables, patterns, setting }: Arena, problem: Problem): Choices {
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
export function isRegular(
  { roles, setting, variables }: Arena,
  { clauses, binding, parts }: Problem,
): boolean {
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
