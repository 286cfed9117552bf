import type { Chosen } from './choose.ts';
import { isWithin, keyOf, type SketchEntry } from './sketch-entry.ts';
import { isLiteral } from './templates.ts';

/** Templates that are the same but for one level, written in plain text in each. */
export interface Variation {
  readonly pattern: SketchEntry;
  /** Where they differ. */
  readonly index: number;
  readonly members: readonly Chosen[];
}

/** Every set of templates that differ in one level only. */
export function variations(chosen: readonly Chosen[]): readonly Variation[] {
  const found = new Map<string, { pattern: SketchEntry; index: number; members: Chosen[] }>();
  for (const one of chosen) {
    const { template } = one;
    for (const [index, level] of template.levels.entries()) {
      if (!isLiteral(level)) continue;
      const pattern = { ...template, levels: template.levels.with(index, null) };
      const key = `${index} ${keyOf(pattern)}`;
      const known = found.get(key);
      if (known === undefined) found.set(key, { pattern, index, members: [one] });
      else known.members.push(one);
    }
  }
  return [...found.values()].filter(({ members }) => members.length > 1);
}

/** The most values of the level that any one thing used. */
export function valuesOfOneThing({ members }: Variation): number {
  const counts = new Map<number, number>();
  for (const { things } of members)
    for (const thing of things) counts.set(thing, (counts.get(thing) ?? 0) + 1);
  return Math.max(...counts.values());
}

/** Puts a wildcard where one thing used at least `valuesMin` values, again and again until there is no such level. */
export function withWildcards(chosen: readonly Chosen[], valuesMin: number): readonly Chosen[] {
  let left = chosen;
  for (;;) {
    const wide = variations(left).filter((variation) => valuesOfOneThing(variation) >= valuesMin);
    if (wide.length === 0) return left;
    left = wide.map(({ pattern }) => pattern).reduce(putTogether, left);
  }
}

/** Everything within the pattern as one template. */
export function putTogether(chosen: readonly Chosen[], pattern: SketchEntry): readonly Chosen[] {
  const isInside = ({ template }: Chosen): boolean =>
    template.action === pattern.action && isWithin(template, pattern);
  const inside = chosen.filter(isInside);
  const [first] = inside;
  if (first === undefined) return chosen;
  const { levels, isOpen } = pattern;
  const template = {
    ...first.template,
    levels,
    isOpen,
    count: inside.reduce((sum, one) => sum + one.template.count, 0),
    firstSeenMs: Math.min(...inside.map((one) => one.template.firstSeenMs)),
    lastSeenMs: Math.max(...inside.map((one) => one.template.lastSeenMs)),
  };
  const things = new Set(inside.flatMap((one) => [...one.things]));
  return [...chosen.filter((one) => !isInside(one)), { template, things }];
}

/** Without templates that another one covers. */
export function withoutCovered(chosen: readonly Chosen[]): readonly Chosen[] {
  const patterns = chosen.filter(({ template }) => template.isOpen || template.levels.includes(null));
  return patterns.reduce((left, { template }) => {
    const isThere = left.some((one) => keyOf(one.template) === keyOf(template));
    return isThere ? putTogether(left, template) : left;
  }, chosen);
}
