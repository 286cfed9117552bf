import { charLength, SegmentScan } from './segment-scan.ts';

/** Characters of a segment that are compared anew at each place of a text; a longer one is looked for in one pass. */
const comparedCharsMax = 32;
/** Characters that `indexOf` looks for in linear time: V8 skips by the last 250 of a longer text only. */
const searchedCharsMax = 250;

/** A run of text and single-character wildcards between two stars; a number is that many `?`. */
export class GlobSegment {
  readonly #pieces: readonly (string | number)[];
  #scan: SegmentScan | undefined;

  constructor(pieces: readonly (string | number)[]) {
    this.#pieces = pieces;
  }

  get isEmpty(): boolean {
    return this.#pieces.length === 0;
  }

  /** Whether there is no `?` in it. */
  get isText(): boolean {
    return this.#pieces.every((piece) => typeof piece === 'string');
  }

  /** The text before the first `?`. */
  get lead(): string {
    const [first] = this.#pieces;
    return typeof first === 'string' ? first : '';
  }

  /** Where the segment ends when it starts at `at`, or -1. */
  endFrom(text: string, at: number): number {
    let end = at;
    for (const piece of this.#pieces) {
      if (typeof piece === 'number') end = skipForward(text, end, piece);
      else end = text.startsWith(piece, end) ? end + piece.length : -1;
      if (end < 0) return -1;
    }
    return end;
  }

  /** Where the leftmost occurrence at or after `from` ends, or -1. */
  find(text: string, from: number): number {
    const [first] = this.#pieces;
    if (this.#pieces.length === 1 && typeof first === 'string' && first.length <= searchedCharsMax) {
      const start = text.indexOf(first, from);
      return start < 0 ? -1 : start + first.length;
    }
    if (this.#length > comparedCharsMax) {
      this.#scan ??= new SegmentScan(this.#pieces);
      return this.#scan.find(text, from);
    }
    for (let start = from; start <= text.length; start += charLength(text, start)) {
      const end = this.endFrom(text, start);
      if (end >= 0) return end;
    }
    return -1;
  }

  /** Whether the segment ends the text and starts at or after `from`. */
  ends(text: string, from: number): boolean {
    let start = text.length;
    for (let index = this.#pieces.length - 1; index >= 0; index--) {
      const piece = this.#pieces[index]!;
      if (typeof piece === 'number') start = skipBackward(text, start, piece);
      else start = text.endsWith(piece, start) ? start - piece.length : -1;
      if (start < from) return false;
    }
    return true;
  }

  get #length(): number {
    return this.#pieces.reduce<number>(
      (length, piece) => length + (typeof piece === 'number' ? piece : piece.length),
      0,
    );
  }
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
