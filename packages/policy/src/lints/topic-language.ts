import type { GlobPart } from '../glob.ts';

/** A character, or a wildcard: `one` any character, `any` any run, `level` any run without `/`. */
type TopicSymbol =
  | { readonly kind: 'char'; readonly char: string }
  | { readonly kind: 'one' | 'any' | 'level' };

export type TopicLanguage = readonly TopicSymbol[];

/** Pairs of places that one comparison may look at before it gives up and says "perhaps". */
const PLACES_MAX = 1_000_000;

/** The topics that a pattern of topic names can be. */
export function topicsOfPattern(parts: readonly GlobPart[]): TopicLanguage {
  return parts.flatMap((part): TopicSymbol[] => {
    if (part.kind === 'text') return [...part.text].map((char) => ({ kind: 'char', char }));
    return [{ kind: part.kind === 'one' ? 'one' : 'any' }];
  });
}

/**
 * At least the topics that filters of a pattern cover: `+` is a level, `#` the rest and its parent, and a policy's
 * wildcard may itself be `+` or `#`. A shared subscription (`$share/<group>/<filter>`) covers what its filter does.
 */
export function topicsOfFilters(parts: readonly GlobPart[]): TopicLanguage {
  const symbols = withoutShare(parts).flatMap((part): TopicSymbol[] => {
    if (part.kind !== 'text') return [{ kind: 'any' }];
    return [...part.text].map((char) => {
      if (char === '+') return { kind: 'level' };
      return char === '#' ? { kind: 'any' } : { kind: 'char', char };
    });
  });
  // `a/#` covers `a` too (MQTT 5 §4.7.1.2), and any run may be `#`.
  return symbols.filter((symbol, at) => !isSlash(symbol) || symbols[at + 1]?.kind !== 'any');
}

function isSlash(symbol: TopicSymbol): boolean {
  return symbol.kind === 'char' && symbol.char === '/';
}

function withoutShare(parts: readonly GlobPart[]): readonly GlobPart[] {
  const [first, ...rest] = parts;
  if (first?.kind !== 'text' || !first.text.startsWith('$share/')) return parts;
  const filter = /^\$share\/[^/]*\/(.*)$/s.exec(first.text)?.[1];
  return filter === undefined ? [{ kind: 'star' }] : [{ kind: 'text', text: filter }, ...rest];
}

/** Whether some topic is in both; also true when that would take too long to find out. */
export function mayMeet(a: TopicLanguage, b: TopicLanguage): boolean {
  // A pair of places is one number: how far we are in `a`, times the width, plus how far in `b`.
  const width = b.length + 1;
  const end = a.length * width + b.length;
  if (end >= PLACES_MAX) return true;
  const seen = new Uint8Array(end + 1);
  const open = [0];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    if (place === end) return true;
    if (seen[place] === 1) continue;
    seen[place] = 1;
    const left = a[Math.floor(place / width)];
    const right = b[place % width];
    if (isRun(left)) open.push(place + width);
    if (isRun(right)) open.push(place + 1);
    if (left === undefined || right === undefined || !shareCharacter(left, right)) continue;
    open.push(place + (isRun(left) ? 0 : width) + (isRun(right) ? 0 : 1));
  }
  return false;
}

function isRun(symbol: TopicSymbol | undefined): boolean {
  return symbol?.kind === 'any' || symbol?.kind === 'level';
}

function shareCharacter(left: TopicSymbol, right: TopicSymbol): boolean {
  if (left.kind === 'char' && right.kind === 'char') return left.char === right.char;
  if (left.kind === 'char') return right.kind !== 'level' || left.char !== '/';
  return right.kind !== 'char' || left.kind !== 'level' || right.char !== '/';
}
