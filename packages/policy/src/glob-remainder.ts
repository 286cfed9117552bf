import type { GlobPart } from './glob.ts';

/** A place in a pattern: which part, and how much of a text part is behind us. */
interface Place {
  readonly part: number;
  readonly offset: number;
}

/**
 * The patterns for what may follow `prefix` in a text that matches, one for each place the pattern can be in after it:
 * a wildcard may have taken none, some or all of the prefix. Empty when no text with that prefix matches.
 */
export function afterPrefix(parts: readonly GlobPart[], prefix: string): readonly (readonly GlobPart[])[] {
  const [first] = parts;
  if (first?.kind === 'text' && first.text.length >= prefix.length) {
    return first.text.startsWith(prefix) ? [remainder(parts, { part: 0, offset: prefix.length })] : [];
  }
  let places: readonly Place[] = [{ part: 0, offset: 0 }];
  for (const char of prefix) places = distinct(places.flatMap((place) => step(parts, place, char)));
  return places.map((place) => remainder(parts, place));
}

function step(parts: readonly GlobPart[], place: Place, char: string): readonly Place[] {
  const part = parts[place.part];
  const next = { part: place.part + 1, offset: 0 };
  if (part === undefined) return [];
  if (part.kind === 'one') return [next];
  // A star takes the character, or has ended before it.
  if (part.kind === 'star') return [place, ...step(parts, next, char)];
  if (part.text[place.offset] !== char) return [];
  const isDone = place.offset + 1 === part.text.length;
  return [isDone ? next : { part: place.part, offset: place.offset + 1 }];
}

function distinct(places: readonly Place[]): readonly Place[] {
  return [...new Map(places.map((place) => [`${place.part}:${place.offset}`, place])).values()];
}

function remainder(parts: readonly GlobPart[], { part, offset }: Place): readonly GlobPart[] {
  const head = parts[part];
  if (head?.kind !== 'text' || offset === 0) return parts.slice(part);
  const left = head.text.slice(offset);
  const rest = parts.slice(part + 1);
  return left === '' ? rest : [{ kind: 'text', text: left }, ...rest];
}
