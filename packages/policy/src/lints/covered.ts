import type { ResourceEntry } from '../document.ts';
import type { Token } from '../template.ts';

/** A character, a variable, or a wildcard: `one` any character, `level` any run without `/`, `any` any run. */
type PatternSymbol =
  | { readonly kind: 'char'; readonly char: string }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'one' | 'level' | 'any' };

type Pattern = readonly PatternSymbol[];

/** Steps of one comparison before it gives up and says "covered", which keeps the lint silent. */
const STEPS_MAX = 20_000;

/** The topics of a Receive entry; nothing when a wildcard stands in the place of the type. */
export function receivedTopics(entry: ResourceEntry): Pattern | undefined {
  return patternOf(entry, 'topic/', (char) => ({ kind: 'char', char }));
}

/** At least the topics that the filters of a Subscribe entry cover: a policy's wildcard may itself be `+` or `#`. */
export function subscribedTopics(entry: ResourceEntry): Pattern {
  const pattern = patternOf(entry, 'topicfilter/', (char) => {
    if (char === '+') return { kind: 'level' };
    return char === '#' ? { kind: 'any' } : { kind: 'char', char };
  });
  if (pattern === undefined || isShared(entry)) return [{ kind: 'any' }];
  const wide = pattern.map((symbol): PatternSymbol => (symbol.kind === 'one' ? { kind: 'any' } : symbol));
  // `a/#` covers `a` too (MQTT 5 §4.7.1.2).
  return wide.filter((symbol, at) => !isSlash(symbol) || wide[at + 1]?.kind !== 'any');
}

function isShared({ tail: [first] }: ResourceEntry): boolean {
  return first?.kind === 'text' && first.text.startsWith('topicfilter/$share/');
}

function isSlash(symbol: PatternSymbol): boolean {
  return symbol.kind === 'char' && symbol.char === '/';
}

function patternOf(
  { tail }: ResourceEntry,
  prefix: string,
  read: (char: string) => PatternSymbol,
): Pattern | undefined {
  const [first, ...rest] = tail;
  if (first?.kind !== 'text' || !first.text.startsWith(prefix)) return undefined;
  const tokens: readonly Token[] = [{ kind: 'text', text: first.text.slice(prefix.length) }, ...rest];
  return tokens.flatMap((token): PatternSymbol[] => {
    if (token.kind === 'text') return [...token.text].map(read);
    if (token.kind === 'variable') return [{ kind: 'variable', name: token.variable.name }];
    return [{ kind: token.kind === 'star' ? 'any' : 'one' }];
  });
}

/**
 * Whether every topic of `inner` is one of `outers`, as far as can be told: a variable is only what has the same name, or a wildcard.
 * The subset construction over places in `outers`, for each place in `inner`.
 */
export function isCovered(inner: Pattern, outers: readonly Pattern[]): boolean {
  const places: readonly Place[] = closure(outers.map((pattern) => ({ pattern, at: 0 })));
  const open: State[] = [{ at: 0, places }];
  const seen = new Set<string>();
  const letters = lettersOf([inner, ...outers]);
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    const name = `${state.at}|${state.places.map((place) => `${outers.indexOf(place.pattern)}:${place.at}`).sort()}`;
    if (seen.has(name)) continue;
    if (seen.size >= STEPS_MAX) return true;
    seen.add(name);
    const symbol = inner[state.at];
    if (symbol === undefined) {
      if (!state.places.some(({ pattern, at }) => at === pattern.length)) return false;
      continue;
    }
    open.push(...stepsOf(symbol, state, letters));
  }
  return true;
}

interface Place {
  readonly pattern: Pattern;
  readonly at: number;
}

interface State {
  readonly at: number;
  readonly places: readonly Place[];
}

function stepsOf(
  symbol: PatternSymbol,
  { at, places }: State,
  letters: readonly PatternSymbol[],
): readonly State[] {
  if (symbol.kind === 'char' || symbol.kind === 'variable')
    return [{ at: at + 1, places: advance(places, symbol) }];
  const taken = letters.map((letter) => ({
    at: symbol.kind === 'any' ? at : at + 1,
    places: advance(places, letter),
  }));
  return symbol.kind === 'any' ? [{ at: at + 1, places }, ...taken] : taken;
}

/** The characters that make a difference, and one that stands for all others. */
function lettersOf(patterns: readonly Pattern[]): readonly PatternSymbol[] {
  const chars = new Set(patterns.flat().flatMap((symbol) => (symbol.kind === 'char' ? [symbol.char] : [])));
  return [...chars, '/', '\0'].map((char) => ({ kind: 'char', char }));
}

function advance(places: readonly Place[], read: PatternSymbol): readonly Place[] {
  return closure(
    places.flatMap((place) => {
      const expected = place.pattern[place.at];
      if (expected === undefined || !accepts(expected, read)) return [];
      const isRun = expected.kind === 'any' || expected.kind === 'level';
      return [isRun ? place : { ...place, at: place.at + 1 }];
    }),
  );
}

function accepts(expected: PatternSymbol, read: PatternSymbol): boolean {
  if (expected.kind === 'any') return true;
  if (read.kind === 'variable')
    return expected.kind === 'level' || (expected.kind === 'variable' && expected.name === read.name);
  if (read.kind !== 'char') return false;
  if (expected.kind === 'level') return read.char !== '/';
  return expected.kind === 'char' && expected.char === read.char;
}

/** With the places behind a run that has taken nothing, or enough. */
function closure(places: readonly Place[]): readonly Place[] {
  const all = new Map<Pattern, Set<number>>();
  for (const { pattern, at } of places) {
    const known = all.get(pattern) ?? new Set<number>();
    all.set(pattern, known);
    for (let next = at; !known.has(next); next++) {
      known.add(next);
      const kind = pattern[next]?.kind;
      if (kind !== 'any' && kind !== 'level') break;
    }
  }
  return [...all].flatMap(([pattern, found]) => [...found].map((at) => ({ pattern, at })));
}
