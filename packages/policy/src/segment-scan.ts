/**
 * Looks for a run of text and `?` in one pass over a text, all its beginnings at once: one bit a character of the run says
 * whether the text so far ends with the run up to there (the Shift-And algorithm of Baeza-Yates and Gonnet). A pass costs the
 * same for each character, whatever the run and the text are.
 */
export class SegmentScan {
  readonly #words: number;
  readonly #lastBit: number;
  /** Where in the run any character fits; and where a certain one does. */
  readonly #anywhere: Uint32Array;
  readonly #places = new Map<number, Uint32Array>();

  /** A number stands for that many `?`. */
  constructor(pieces: readonly (string | number)[]) {
    const chars = pieces.flatMap((piece) =>
      typeof piece === 'number' ? new Array<undefined>(piece).fill(undefined) : [...piece],
    );
    this.#words = Math.ceil(chars.length / 32);
    this.#lastBit = (chars.length - 1) % 32;
    this.#anywhere = new Uint32Array(this.#words);
    chars.forEach((char, at) => {
      if (char === undefined) setBit(this.#anywhere, at);
    });
    chars.forEach((char, at) => {
      if (char !== undefined) setBit(this.#placesOf(char.codePointAt(0)!), at);
    });
  }

  /** Where the leftmost occurrence at or after `from` ends, or -1. */
  find(text: string, from: number): number {
    const state = new Uint32Array(this.#words);
    const last = this.#words - 1;
    for (let at = from; at < text.length; ) {
      advance(state, this.#places.get(text.codePointAt(at)!) ?? this.#anywhere);
      at += charLength(text, at);
      if (((state[last]! >>> this.#lastBit) & 1) === 1) return at;
    }
    return -1;
  }

  #placesOf(codePoint: number): Uint32Array {
    const known = this.#places.get(codePoint);
    if (known !== undefined) return known;
    const places = this.#anywhere.slice();
    this.#places.set(codePoint, places);
    return places;
  }
}

/** Every beginning grows by one character where that fits, and a new one starts. */
function advance(state: Uint32Array, fits: Uint32Array): void {
  let carry = 1;
  for (let word = 0; word < state.length; word++) {
    const before = state[word]!;
    state[word] = ((before << 1) | carry) & fits[word]!;
    carry = before >>> 31;
  }
}

function setBit(words: Uint32Array, at: number): void {
  words[at >>> 5]! |= 1 << (at & 31);
}

/** One character is one code point: `?` takes a surrogate pair whole. */
export function charLength(text: string, at: number): 1 | 2 {
  const isHigh = (text.charCodeAt(at) & 0xfc00) === 0xd800;
  return isHigh && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00 ? 2 : 1;
}
