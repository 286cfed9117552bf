import { isWithin, type SketchEntry, together } from './sketch-entry.ts';

/** Makes entries that are most alike into one, again and again, until at most `entriesMax` are left. */
export function generalise(entries: readonly SketchEntry[], entriesMax: number): readonly SketchEntry[] {
  let left = entries;
  while (left.length > entriesMax) {
    const pattern = sharedLevels(left) ?? sharedBeginning(left);
    if (pattern === undefined) return left; // one entry an action: there is nothing left to put together
    left = absorb(left, pattern);
  }
  return left;
}

/** The pattern that most entries fit which differ in one level only. */
function sharedLevels(entries: readonly SketchEntry[]): SketchEntry | undefined {
  const alike: Alike = new Map();
  for (const entry of entries) {
    for (const [index, level] of entry.levels.entries()) {
      if (level === null) continue;
      const pattern = { ...entry, levels: entry.levels.with(index, null) };
      count(alike, pattern);
    }
  }
  return most(alike);
}

/** Where no two differ in one level only: the longest beginning that several share, with anything after it. */
function sharedBeginning(entries: readonly SketchEntry[]): SketchEntry | undefined {
  const longest = Math.max(...entries.map(({ levels }) => levels.length));
  for (let length = longest; length >= 0; length--) {
    const alike: Alike = new Map();
    for (const entry of entries.filter(({ levels }) => levels.length >= length))
      count(alike, { ...entry, levels: entry.levels.slice(0, length), isOpen: true });
    const pattern = most(alike);
    if (pattern !== undefined) return pattern;
  }
  return undefined;
}

type Alike = Map<string, { readonly pattern: SketchEntry; members: number }>;

function count(alike: Alike, pattern: SketchEntry): void {
  const key = JSON.stringify([pattern.action, pattern.isOpen, pattern.levels]);
  const known = alike.get(key);
  if (known === undefined) alike.set(key, { pattern, members: 1 });
  else known.members++;
}

function most(alike: Alike): SketchEntry | undefined {
  let best: { readonly pattern?: SketchEntry; readonly members: number } = { members: 1 };
  for (const candidate of alike.values()) if (candidate.members > best.members) best = candidate;
  return best.pattern;
}

/** Every entry within the pattern becomes part of it. */
function absorb(entries: readonly SketchEntry[], pattern: SketchEntry): readonly SketchEntry[] {
  const isInside = (entry: SketchEntry): boolean =>
    entry.action === pattern.action && isWithin(entry, pattern);
  const inside = entries.filter(isInside);
  const [first = pattern, ...rest] = inside;
  const { levels, isOpen } = pattern;
  const merged = rest.reduce((sum, entry) => together(entry, sum), { ...first, levels, isOpen });
  return [...entries.filter((entry) => !isInside(entry)), merged];
}
