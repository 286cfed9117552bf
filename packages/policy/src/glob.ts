/** A resolved pattern's piece: literal text, `*` or `?`. */
export type GlobPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'star' }
  | { readonly kind: 'one' };

/** A run of text and single-character wildcards between two stars; a number is that many `?`. */
type Segment = readonly (string | number)[];

/**
 * Matches whole strings against a pattern. Linear in the text whatever the pattern is: each run between stars is
 * taken at its leftmost place, which is never worse than a later one, so nothing is ever tried twice.
 */
export class Glob {
  /** The only text that matches, when there are no wildcards. */
  readonly literal: string | undefined;
  /** The text that must stand first, when a final star is the only wildcard; empty when everything matches. */
  readonly prefix: string | undefined;
  readonly #segments: readonly Segment[];

  constructor(parts: readonly GlobPart[]) {
    this.#segments = splitAtStars(parts);
    const [first = [], second] = this.#segments;
    const isPlain = first.every((piece) => typeof piece === 'string');
    this.literal = isPlain && second === undefined ? first.join('') : undefined;
    const endsOpen = this.#segments.length === 2 && second?.length === 0;
    this.prefix = isPlain && endsOpen ? first.join('') : undefined;
  }

  matches(text: string): boolean {
    if (this.literal !== undefined) return text === this.literal;
    if (this.prefix !== undefined) return text.startsWith(this.prefix);
    return this.#matchesSegments(text);
  }

  #matchesSegments(text: string): boolean {
    const segments = this.#segments;
    const last = segments.length - 1;
    let at = matchForward(segments[0]!, text, 0);
    if (last === 0) return at === text.length;
    for (let index = 1; index < last && at >= 0; index++) at = findForward(segments[index]!, text, at);
    return at >= 0 && endsWith(segments[last]!, text, at);
  }
}

function splitAtStars(parts: readonly GlobPart[]): readonly Segment[] {
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

/** Where the segment ends when it starts at `at`, or -1. */
function matchForward(segment: Segment, text: string, at: number): number {
  let end = at;
  for (const piece of segment) {
    if (typeof piece === 'number') end = skipForward(text, end, piece);
    else end = text.startsWith(piece, end) ? end + piece.length : -1;
    if (end < 0) return -1;
  }
  return end;
}

/** Where the leftmost occurrence at or after `from` ends, or -1. */
function findForward(segment: Segment, text: string, from: number): number {
  const [first] = segment;
  if (segment.length === 1 && typeof first === 'string') {
    const start = text.indexOf(first, from);
    return start < 0 ? -1 : start + first.length;
  }
  for (let start = from; start <= text.length; start += charLength(text, start)) {
    const end = matchForward(segment, text, start);
    if (end >= 0) return end;
  }
  return -1;
}

/** Whether the segment ends the text and starts at or after `from`. */
function endsWith(segment: Segment, text: string, from: number): boolean {
  let start = text.length;
  for (let index = segment.length - 1; index >= 0; index--) {
    const piece = segment[index]!;
    if (typeof piece === 'number') start = skipBackward(text, start, piece);
    else start = text.endsWith(piece, start) ? start - piece.length : -1;
    if (start < from) return false;
  }
  return true;
}

function skipForward(text: string, from: number, count: number): number {
  let at = from;
  for (let skipped = 0; skipped < count; skipped++) {
    if (at >= text.length) return -1;
    at += charLength(text, at);
  }
  return at;
}

function skipBackward(text: string, from: number, count: number): number {
  let at = from;
  for (let skipped = 0; skipped < count; skipped++) {
    if (at <= 0) return -1;
    at -= at >= 2 && charLength(text, at - 2) === 2 ? 2 : 1;
  }
  return at;
}

/** One character is one code point: `?` takes a surrogate pair whole. */
function charLength(text: string, at: number): 1 | 2 {
  const isHigh = (text.charCodeAt(at) & 0xfc00) === 0xd800;
  return isHigh && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00 ? 2 : 1;
}
