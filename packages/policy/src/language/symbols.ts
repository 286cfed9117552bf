/** What a character may be part of; one symbol class is one combination of these. */
export const TRAIT = {
  thing: 1,
  hex: 2,
  address: 4,
  slash: 8,
  plus: 16,
  hash: 32,
  dollar: 64,
  wildcard: 128,
  control: 256,
} as const;

/** Half-open ranges of code points. */
type Range = readonly [from: number, to: number];

const LAST = 0x11_0000;
const TRAIT_RANGES: readonly (readonly [number, readonly Range[]])[] = [
  [
    TRAIT.thing,
    [...ranges('09'), ...ranges('AZ'), ...ranges('az'), ...ranges('--'), ...ranges('__'), ...ranges('::')],
  ],
  [TRAIT.hex, [...ranges('09'), ...ranges('af')]],
  [TRAIT.address, [...ranges('09'), ...ranges('af'), ...ranges('..'), ...ranges('::')]],
  [TRAIT.slash, ranges('//')],
  [TRAIT.plus, ranges('++')],
  [TRAIT.hash, ranges('##')],
  [TRAIT.dollar, ranges('$$')],
  [TRAIT.wildcard, [...ranges('**'), ...ranges('??')]],
  [
    TRAIT.control,
    [
      [1, 0x20],
      [0x7f, 0xa0],
    ],
  ],
];
// U+0000 is in no MQTT text, half a surrogate pair in no UTF-8: neither is in the alphabet.
const OUTSIDE: readonly Range[] = [
  [0, 1],
  [0xd800, 0xe000],
];

/** Characters that read well in a counter-example, best first. */
const PREFERRED = 'xdeghijklmnopqrstuvwyzabcfXDEGHIJKLMNOPQRSTUVWYZABCF0123456789-_:.,@=~!éλ字';
const SHOWN_MAX = 4;

/**
 * The characters of all names, in classes that no pattern at hand tells apart: each character that a pattern names is a
 * class of its own, and the rest falls into intervals by what such a character may be part of.
 */
export class Symbols {
  /** How many classes there are; they are numbered from 0. */
  readonly size: number;
  readonly #literals = new Map<number, number>();
  readonly #intervals: readonly { readonly from: number; readonly to: number; readonly symbol: number }[];
  readonly #traits: number[] = [];
  readonly #shown: string[][] = [];
  /** Classes that differ in nothing but the literals they are, by their traits. */
  readonly groups: readonly (readonly number[])[];

  constructor(texts: Iterable<string>) {
    const literals = new Set<number>();
    for (const text of texts) for (const char of text) literals.add(char.codePointAt(0)!);
    literals.delete(0);
    for (const code of literals)
      this.#literals.set(code, this.#add(traitsOf(code), [String.fromCodePoint(code)]));
    this.#intervals = this.#addIntervals(literals);
    this.size = this.#traits.length;
    const groups = Map.groupBy(this.#traits.keys(), (symbol) => this.#traits[symbol]);
    // The nameless class first: what no pattern names makes the plainest counter-example.
    this.groups = [...groups.values()].map((group) => group.toReversed());
  }

  symbolOf(char: string): number {
    const code = char.codePointAt(0)!;
    const literal = this.#literals.get(code);
    if (literal !== undefined) return literal;
    return this.#intervals.find(({ from, to }) => code >= from && code < to)?.symbol ?? -1;
  }

  traitsOf(symbol: number): number {
    return this.#traits[symbol]!;
  }

  /** A character of the class; `variant` asks for different ones where there are several. */
  shown(symbol: number, variant = 0): string {
    const shown = this.#shown[symbol]!;
    return shown[variant % shown.length]!;
  }

  #add(traits: number, shown: string[]): number {
    this.#traits.push(traits);
    this.#shown.push(shown);
    return this.#traits.length - 1;
  }

  #addIntervals(literals: ReadonlySet<number>) {
    const pieces = atomicPieces().map((from, index, all) => ({ from, to: all[index + 1] ?? LAST }));
    const free = pieces.filter(({ from }) => !isIn(from, OUTSIDE));
    const byTraits = Map.groupBy(free, ({ from }) => traitsOf(from));
    return [...byTraits].flatMap(([traits, same]) => {
      const shown = examplesIn(same, literals);
      if (shown.length === 0) return [];
      const symbol = this.#add(traits, shown);
      return same.map(({ from, to }) => ({ from, to, symbol }));
    });
  }
}

function ranges(pair: string): readonly Range[] {
  return [[pair.charCodeAt(0), pair.charCodeAt(1) + 1]];
}

function isIn(code: number, within: readonly Range[]): boolean {
  return within.some(([from, to]) => code >= from && code < to);
}

function traitsOf(code: number): number {
  return TRAIT_RANGES.reduce((traits, [trait, within]) => (isIn(code, within) ? traits | trait : traits), 0);
}

function atomicPieces(): readonly number[] {
  const edges = [0, ...[...TRAIT_RANGES.flatMap(([, within]) => within), ...OUTSIDE].flat()];
  return [...new Set(edges)].sort((a, b) => a - b);
}

/** Some characters of the pieces that are no literals, good ones first. */
function examplesIn(
  pieces: readonly { readonly from: number; readonly to: number }[],
  literals: ReadonlySet<number>,
) {
  const isFree = (code: number) =>
    !literals.has(code) && pieces.some(({ from, to }) => code >= from && code < to);
  const found = [...PREFERRED].filter((char) => isFree(char.codePointAt(0)!)).slice(0, SHOWN_MAX);
  for (const { from, to } of pieces) {
    for (let code = from; code < to && found.length < SHOWN_MAX; code++) {
      const char = String.fromCodePoint(code);
      if (isFree(code) && !found.includes(char)) found.push(char);
    }
  }
  return found;
}
