import { beginsWith } from './begins-with.ts';
import { GlobSegment } from './glob-segment.ts';

/** A resolved pattern's piece: literal text, `*` or `?`. */
export type GlobPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'star' }
  | { readonly kind: 'one' };

/**
 * Matches whole strings against a pattern. Linear in the text whatever the pattern is: each run between stars is
 * taken at its leftmost place, which is never worse than a later one, so nothing is ever tried twice.
 */
export class Glob {
  /** The only text that matches, when there are no wildcards. */
  readonly literal: string | undefined;
  /** The text that every match begins with. */
  readonly lead: string;
  /** What every match ends with behind `lead`, when one star between the two is the only wildcard. */
  readonly #tail: string | undefined;
  readonly #segments: readonly GlobSegment[];

  constructor(parts: readonly GlobPart[]) {
    this.#segments = splitAtStars(parts).map((pieces) => new GlobSegment(pieces));
    const [first, second] = this.#segments;
    this.lead = first?.lead ?? '';
    const isText = first === undefined || first.isText;
    this.literal = isText && this.#segments.length === 1 ? this.lead : undefined;
    this.#tail = isText && this.#segments.length === 2 && second?.isText ? second.lead : undefined;
  }

  matches(text: string): boolean {
    if (this.literal !== undefined) return text === this.literal;
    if (this.#tail !== undefined) return isBetween(text, this.lead, this.#tail);
    return this.#matchesSegments(text);
  }

  #matchesSegments(text: string): boolean {
    const segments = this.#segments;
    const last = segments.length - 1;
    let at = segments[0]!.endFrom(text, 0);
    if (last === 0) return at === text.length;
    for (let index = 1; index < last && at >= 0; index++) at = segments[index]!.find(text, at);
    return at >= 0 && segments[last]!.ends(text, at);
  }
}

function isBetween(text: string, lead: string, tail: string): boolean {
  const at = text.length - tail.length;
  if (at < lead.length) return false;
  // Most texts that are not meant show it in their last character.
  if (tail !== '' && text.charCodeAt(text.length - 1) !== tail.charCodeAt(tail.length - 1)) return false;
  return beginsWith(text, lead) && text.indexOf(tail, at) === at;
}

function splitAtStars(parts: readonly GlobPart[]): readonly (readonly (string | number)[])[] {
  const segments: (string | number)[][] = [[]];
  for (const part of parts) {
    const segment = segments.at(-1)!;
    if (part.kind === 'star') segments.push([]);
    else appendPiece(segment, part.kind === 'one' ? 1 : part.text);
  }
  // `**` is `*`: an empty run between two stars asks for nothing.
  return segments.filter(
    (segment, index) => segment.length > 0 || index === 0 || index === segments.length - 1,
  );
}

function appendPiece(segment: (string | number)[], piece: string | number): void {
  const last = segment.at(-1);
  if (typeof last === 'string' && typeof piece === 'string') segment[segment.length - 1] = last + piece;
  else if (typeof last === 'number' && typeof piece === 'number') segment[segment.length - 1] = last + piece;
  else if (piece !== '') segment.push(piece);
}
