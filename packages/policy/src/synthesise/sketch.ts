import { generalise } from './generalise.ts';
import {
  isPattern,
  isWithin,
  keyOf,
  keyOfName,
  levelsOf,
  type SketchEntry,
  together,
} from './sketch-entry.ts';

/**
 * What one thing did, in bounded space. Beyond `entriesMax` entries of one outcome the ones most alike become one with `null` where
 * they differ: nothing that was added is ever outside its entries, and what was denied never widens what was allowed.
 */
export class Sketch {
  readonly #entriesMax: number;
  readonly #sides: Readonly<Record<SketchEntry['outcome'], Side>>;

  constructor(entriesMax: number, entries: Iterable<SketchEntry> = []) {
    this.#entriesMax = entriesMax;
    this.#sides = { allowed: new Side(), denied: new Side() };
    for (const entry of entries) this.add(entry);
  }

  add(entry: SketchEntry): void {
    const side = this.#sides[entry.outcome];
    side.add(entry);
    if (side.size > this.#entriesMax) side.replace(generalise(side.entries, this.#roomAfter()));
  }

  /** As `add`, of one name; one that has its own entry is not taken apart again. */
  addName(name: string, seen: Omit<SketchEntry, 'levels' | 'isOpen'>): void {
    if (!this.#sides[seen.outcome].countIn(name, seen)) this.add({ ...seen, ...levelsOf(name) });
  }

  get entries(): readonly SketchEntry[] {
    const { allowed, denied } = this.#sides;
    return [...allowed.entries, ...denied.entries];
  }

  /** A quarter is made free at once, so that the next few entries cost nothing again. */
  #roomAfter(): number {
    return Math.ceil((this.#entriesMax * 3) / 4);
  }
}

/** The entries of one outcome by what they are about; the ones that stand for many names are looked through for a new one. */
class Side {
  readonly #byKey = new Map<string, SketchEntry>();
  readonly #patterns = new Set<string>();

  get size(): number {
    return this.#byKey.size;
  }

  get entries(): readonly SketchEntry[] {
    return [...this.#byKey.values()];
  }

  add(entry: SketchEntry): void {
    const key = this.#keyFor(entry);
    const known = this.#byKey.get(key);
    this.#byKey.set(key, known === undefined ? entry : together(entry, known));
    if (known === undefined && isPattern(entry)) this.#patterns.add(key);
  }

  /** False when the name has no entry of its own. */
  countIn(name: string, seen: Omit<SketchEntry, 'levels' | 'isOpen'>): boolean {
    const key = keyOfName(seen.action, name);
    const known = this.#byKey.get(key);
    if (known === undefined) return false;
    this.#byKey.set(key, together(seen, known));
    return true;
  }

  replace(entries: readonly SketchEntry[]): void {
    this.#byKey.clear();
    this.#patterns.clear();
    for (const entry of entries) this.add(entry);
  }

  #keyFor(entry: SketchEntry): string {
    const own = keyOf(entry);
    if (this.#byKey.has(own)) return own;
    for (const key of this.#patterns) {
      const pattern = this.#byKey.get(key);
      if (pattern?.action === entry.action && isWithin(entry, pattern)) return key;
    }
    return own;
  }
}
