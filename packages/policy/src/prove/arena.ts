import { DEAD, Machine } from '../language/machine.ts';
import { type Pattern, patternOf } from '../language/pattern.ts';
import { CLIENT_ID, known, THING_NAME } from './facts.ts';
import type { Problem, Setting } from './problem.ts';
import { mayContain } from './ranges.ts';
import { isHopeless, type Role, roleOf } from './role.ts';
import type { Range, Reader, SearchOptions, Speaker } from './search-node.ts';
import type { VariableState, World } from './worlds.ts';

/** One choice of what every variable is, with the machines for it. */
export interface Arena {
  readonly setting: Setting;
  readonly variables: readonly ReadonlyMap<string, VariableState>[];
  readonly roles: readonly (Role | undefined)[];
  readonly patterns: readonly Pattern[];
  readonly options: SearchOptions;
}

export function arenaOf(
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
