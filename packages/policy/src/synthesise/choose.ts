import type { ThingContext } from '../context.ts';
import { keyOf, type SketchEntry, together } from './sketch-entry.ts';
import { templatesOf, variablesIn } from './templates.ts';

/** A template with the things (by number) that did it. */
export interface Chosen {
  readonly template: SketchEntry;
  readonly things: ReadonlySet<number>;
}

/** A thing and what it did. */
export interface ObservedThing {
  readonly thing: ThingContext;
  readonly entries: readonly SketchEntry[];
  /** Whether only a sample of its requests was recorded. */
  readonly isSampled: boolean;
}

/** Writes every request in the way that most things share; of ways as common as one another, the plainest. */
export function chooseTemplates(observed: readonly ObservedThing[]): readonly Chosen[] {
  const ways = observed.map(({ thing, entries }) => entries.map((entry) => templatesOf(entry, thing)));
  const shares = countThings(ways);
  const chosen = new Map<string, { template: SketchEntry; readonly things: Set<number> }>();
  for (const [number, entries] of ways.entries()) {
    for (const templates of entries) {
      const template = mostShared(templates, shares);
      const known = chosen.get(keyOf(template));
      if (known === undefined) chosen.set(keyOf(template), { template, things: new Set([number]) });
      else {
        known.template = together(template, known.template);
        known.things.add(number);
      }
    }
  }
  return [...chosen.values()];
}

/** How many things could have done each template. */
function countThings(ways: readonly (readonly (readonly SketchEntry[])[])[]): ReadonlyMap<string, number> {
  const shares = new Map<string, number>();
  for (const entries of ways) {
    for (const key of new Set(entries.flat().map(keyOf))) shares.set(key, (shares.get(key) ?? 0) + 1);
  }
  return shares;
}

function mostShared(templates: readonly SketchEntry[], shares: ReadonlyMap<string, number>): SketchEntry {
  const sharesOf = (template: SketchEntry): number => shares.get(keyOf(template)) ?? 0;
  return templates.reduce((best, template) => {
    const more = sharesOf(template) - sharesOf(best);
    const plainer = variablesIn(best.levels) - variablesIn(template.levels);
    return more > 0 || (more === 0 && plainer > 0) ? template : best;
  });
}
