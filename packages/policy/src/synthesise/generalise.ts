import { isWithin, keyOf, type SketchEntry, together } from './sketch-entry.ts';

/** Makes entries that are most alike into one, again and again, until at most `entriesMax` are left. */
export function generalise(entries: readonly SketchEntry[], entriesMax: number): readonly SketchEntry[] {
  let left = entries;
  while (left.length > entriesMax) {
    const patterns = sharedLevels(left) ?? sharedBeginning(left);
    if (patterns === undefined) return left; // one entry an action: there is nothing left to put together
    for (const pattern of patterns) if (left.length > entriesMax) left = absorb(left, pattern);
  }
  return left;
}

/** The patterns of entries which differ in one level only, those that most entries fit first. */
function sharedLevels(entries: readonly SketchEntry[]): readonly SketchEntry[] | undefined {
  const alike: Alike = new Map();
  for (const entry of entries) {
    for (const [index, level] of entry.levels.entries())
      if (level !== null) count(alike, { ...entry, levels: entry.levels.with(index, null) });
  }
  return shared(alike);
}

/** Where no two differ in one level only: the longest beginnings that several share, with anything after them. */
function sharedBeginning(entries: readonly SketchEntry[]): readonly SketchEntry[] | undefined {
  const longest = Math.max(...entries.map(({ levels }) => levels.length));
  for (let length = longest; length >= 0; length--) {
    const alike: Alike = new Map();
    for (const entry of entries.filter(({ levels }) => levels.length >= length))
      count(alike, { ...entry, levels: entry.levels.slice(0, length), isOpen: true });
    const patterns = shared(alike);
    if (patterns !== undefined) return patterns;
  }
  return undefined;
}

type Alike = Map<string, { readonly pattern: SketchEntry; members: number }>;

function count(alike: Alike, pattern: SketchEntry): void {
  const key = keyOf(pattern);
  const known = alike.get(key);
  if (known === undefined) alike.set(key, { pattern, members: 1 });
  else known.members++;
}

function shared(alike: Alike): readonly SketchEntry[] | undefined {
  const several = [...alike.values()].filter(({ members }) => members > 1);
  if (several.length === 0) return undefined;
  return several.toSorted((one, other) => other.members - one.members).map(({ pattern }) => pattern);
}

/** Every entry within the pattern becomes part of it. */
function absorb(entries: readonly SketchEntry[], pattern: SketchEntry): readonly SketchEntry[] {
  const isInside = (entry: SketchEntry): boolean =>
    entry.action === pattern.action && isWithin(entry, pattern);
  const inside = entries.filter(isInside);
  if (inside.length < 2) return entries; // the others went into another pattern
  const [first = pattern, ...rest] = inside;
  const { levels, isOpen } = pattern;
  const merged = rest.reduce((sum, entry) => together(entry, sum), { ...first, levels, isOpen });
  return [...entries.filter((entry) => !isInside(entry)), merged];
}
