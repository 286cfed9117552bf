import type { PolicyBinding } from '../document.ts';
import { Machine } from '../language/machine.ts';
import { afterPrefixTokens, patternOf } from '../language/pattern.ts';
import type { Token } from '../template.ts';
import { type Clause, clausesAbout, entriesHere } from './clauses.ts';
import { CLIENT_ID, THING_NAME } from './facts.ts';
import type { Space } from './space.ts';
import type { VariableState, World } from './worlds.ts';

/** How a connection may come about: under any client id, one that is another variable's value, or one of a pattern. */
type Way =
  | { readonly kind: 'any' }
  | { readonly kind: 'alias'; readonly variable: string }
  | { readonly kind: 'pattern'; readonly tokens: readonly Token[] };

/** Whether the policies say anything about who may connect; if not, another policy may, and any client id counts. */
export function mayConnectAtAll({ clauses }: Pick<Space, 'clauses'>): boolean {
  return clausesAbout(clauses, 'iot:Connect').some(({ isAllow }) => isAllow);
}

/** The patterns of client ids that Allows of `iot:Connect` list. */
export function clientIdPatterns({ clauses }: Pick<Space, 'clauses'>): readonly (readonly Token[])[] {
  return clausesAbout(clauses, 'iot:Connect')
    .filter(({ isAllow, statement }) => isAllow && statement.scope.kind === 'only')
    .flatMap(({ statement }) => statement.scope.entries)
    .flatMap(({ tail }) => afterPrefixTokens(tail, 'client/').exact);
}

/** The worlds of connections: those in which an Allow of `iot:Connect` can match, with what it makes of the client id. */
export function connectedWorlds(
  worlds: readonly World[],
  space: Space,
  binding: PolicyBinding,
): readonly World[] {
  if (!mayConnectAtAll(space)) return worlds;
  const allows = clausesAbout(space.clauses, 'iot:Connect').filter(({ isAllow }) => isAllow);
  return worlds.flatMap((world) => {
    const ways = allows
      .filter(({ id }) => world.alive[id] === 1)
      .flatMap((clause) => waysOf(clause, world, binding));
    if (ways.some(({ kind }) => kind === 'any')) return [world];
    return ways.flatMap((way) => narrowed(world, way, space));
  });
}

function waysOf(clause: Clause, world: World, binding: PolicyBinding): readonly Way[] {
  const entries = entriesHere(clause, binding).map(({ tail }) => tail);
  const isUnresolved = (token: Token) =>
    token.kind === 'variable' && world.variables.get(token.variable.name)?.kind === 'unresolved';
  if (entries.some((tail) => tail.some(isUnresolved))) return [];
  if (clause.statement.scope.kind === 'except') return [{ kind: 'any' }];
  return entries.flatMap((tail) => {
    const { exact, loose } = afterPrefixTokens(tail, 'client/');
    return [...exact.map((tokens) => wayOf(tokens, world)), ...loose.map((): Way => ({ kind: 'any' }))];
  });
}

function wayOf(tokens: readonly Token[], { facts }: World): Way {
  const [only] = tokens;
  if (tokens.every(({ kind }) => kind !== 'variable')) return { kind: 'pattern', tokens };
  if (tokens.length !== 1 || only?.kind !== 'variable') return { kind: 'any' };
  const { name } = only.variable;
  const isOwn = name === CLIENT_ID || (name === THING_NAME && facts.association === 'named');
  return isOwn ? { kind: 'any' } : { kind: 'alias', variable: name };
}

/** The world with what the way says of the client id; none when it contradicts the world. */
function narrowed(world: World, way: Way, { symbols, budget }: Space): readonly World[] {
  const { association } = world.facts;
  if (way.kind === 'any') return [world];
  if (way.kind === 'alias') {
    // Under an exclusive attachment the client id is another one than the thing's name here.
    if (association === 'exclusive' && way.variable === THING_NAME) return [];
    const state = world.variables.get(way.variable);
    // A variable that is one fixed text: too much is allowed then, never too little.
    if (state?.kind !== 'open') return [world];
    return [{ ...world, facts: { ...world.facts, clientAlias: way.variable } }];
  }
  const name = association === 'named' ? THING_NAME : CLIENT_ID;
  const state = world.variables.get(name);
  if (state?.kind !== 'open' || state.constraint !== undefined) return [world];
  const constraint = {
    machine: new Machine([patternOf(way.tokens, symbols)], budget),
    vector: '1',
    about: JSON.stringify(way.tokens),
  };
  const narrower: VariableState = { kind: 'open', constraint };
  return [{ ...world, variables: new Map([...world.variables, [name, narrower]]) }];
}
