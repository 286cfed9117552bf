import type { StateBudget } from '../language/budget.ts';
import type { Pattern } from '../language/pattern.ts';
import { type Symbols, TRAIT } from '../language/symbols.ts';
import { distinctSymbols } from './condition-texts.ts';

/** Texts of one topic level, enough to stand for all: `isComplete` says whether they do. */
export interface LevelTexts {
  readonly texts: readonly string[];
  readonly isComplete: boolean;
}

/** More kinds of levels than this are not told apart. */
const KINDS_MAX = 2_000;

interface Reach {
  /** Pairs of places in a pattern: where the level began and where it is now. */
  readonly pairs: readonly Pair[];
  readonly text: readonly number[];
}

interface Pair {
  readonly pattern: number;
  readonly start: number;
  readonly at: number;
}

/**
 * For each kind of level that the patterns tell apart, up to `perKind` texts. Two levels are of one kind when each pattern,
 * from wherever it may be when the level begins, is at the same place when it ends: such levels can stand for each other
 * anywhere in a name.
 */
export function levelTexts(
  patterns: readonly Pattern[],
  by: {
    readonly symbols: Symbols;
    readonly budget: StateBudget;
    readonly mayContain: (traits: number) => boolean;
    readonly perKind: number;
  },
): LevelTexts {
  const visits = new Map<string, number>();
  const kinds = new Map<string, string[]>();
  let layer: readonly Reach[] = [{ pairs: patterns.flatMap(startsOf(by.symbols)), text: [] }];
  while (layer.length > 0) {
    const next: Reach[] = [];
    for (const { pairs, text } of layer) {
      for (const symbol of distinctSymbols(by.symbols, literalsAt(pairs, patterns))) {
        if (!by.mayContain(by.symbols.traitsOf(symbol))) continue;
        const reached = dedupe(pairs.flatMap((pair) => advance(pair, symbol, patterns)));
        const key = reached.map(({ pattern, start, at }) => `${pattern}.${start}.${at}`).join();
        const count = visits.get(key) ?? 0;
        if (count >= by.perKind) continue;
        visits.set(key, count + 1);
        by.budget.spend(1 + (reached.length >> 5));
        if (visits.size > KINDS_MAX) return { texts: [...kinds.values()].flat(), isComplete: false };
        const follower = { pairs: reached, text: [...text, symbol] };
        note(follower, kinds, { patterns, ...by });
        next.push(follower);
      }
    }
    layer = next;
  }
  return { texts: [...kinds.values()].flat(), isComplete: true };
}

function note(
  { pairs, text }: Reach,
  kinds: Map<string, string[]>,
  {
    patterns,
    symbols,
    perKind,
  }: { readonly patterns: readonly Pattern[]; readonly symbols: Symbols; readonly perKind: number },
): void {
  const ended = pairs.filter(({ pattern, at }) => mayEndAt(patterns[pattern]!, at, symbols));
  const key = ended.map(({ pattern, start, at }) => `${pattern}.${start}.${at}`).join();
  const texts = kinds.get(key) ?? [];
  for (let variant = 0; variant < perKind && texts.length < perKind; variant++) {
    const shown = text.map((symbol) => symbols.shown(symbol, variant)).join('');
    if (!texts.includes(shown)) texts.push(shown);
  }
  kinds.set(key, texts);
}

/** The places at which a level may begin. */
function startsOf(symbols: Symbols): (pattern: Pattern, number: number) => readonly Pair[] {
  return (glyphs, pattern) =>
    [...glyphs.keys(), glyphs.length]
      .filter((at) => at === 0 || glyphs[at]?.kind === 'star' || maySlash(glyphs[at - 1], symbols))
      .flatMap((start) => closure({ pattern, start, at: start }, glyphs));
}

/** Whether the step may take the slash before a level. */
function maySlash(glyph: Pattern[number] | undefined, symbols: Symbols): boolean {
  if (glyph?.kind === 'symbols')
    return glyph.symbols.some((symbol) => (symbols.traitsOf(symbol) & TRAIT.slash) !== 0);
  return glyph?.kind === 'one' || glyph?.kind === 'star';
}

function mayEndAt(glyphs: Pattern, at: number, symbols: Symbols): boolean {
  return at === glyphs.length || maySlash(glyphs[at], symbols);
}

function closure(pair: Pair, glyphs: Pattern): readonly Pair[] {
  const pairs = [pair];
  for (let at = pair.at; glyphs[at]?.kind === 'star'; at++) pairs.push({ ...pair, at: at + 1 });
  return pairs;
}

function advance(pair: Pair, symbol: number, patterns: readonly Pattern[]): readonly Pair[] {
  const glyphs = patterns[pair.pattern]!;
  const glyph = glyphs[pair.at];
  if (glyph === undefined || glyph.kind === 'variable') return [];
  if (glyph.kind === 'star') return closure(pair, glyphs);
  if (glyph.kind === 'symbols' && !glyph.symbols.includes(symbol)) return [];
  return closure({ ...pair, at: pair.at + 1 }, glyphs);
}

function literalsAt(pairs: readonly Pair[], patterns: readonly Pattern[]): ReadonlySet<number> {
  return new Set(
    pairs.flatMap(({ pattern, at }) => {
      const glyph = patterns[pattern]![at];
      return glyph?.kind === 'symbols' ? glyph.symbols : [];
    }),
  );
}

function dedupe(pairs: readonly Pair[]): readonly Pair[] {
  const distinct = new Map(pairs.map((pair) => [`${pair.pattern}.${pair.start}.${pair.at}`, pair]));
  return [...distinct].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, pair]) => pair);
}
