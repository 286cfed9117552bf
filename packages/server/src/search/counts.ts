import type { Block, Field, NumberField, TextField } from './index/fields.ts';
import { blockMax } from './index/name-order.ts';

/** How many things have a value. */
export interface ValueCount {
  readonly value: string;
  readonly count: number;
}

export interface Counts {
  /** Things that were looked at. */
  readonly total: number;
  /** Of those, without the field. */
  readonly without: number;
  /** How many different values, or ranges, they have. */
  readonly distinct: number;
  /** The most frequent first. */
  readonly values: readonly ValueCount[];
}

export interface Counter {
  /** Those of the block whose mask is 1. */
  add(block: Block, mask: Uint8Array): void;
  counts(limit: number): Counts;
}

/** Nothing for a field whose values are all different. */
export function counterOf(field: Field): Counter | undefined {
  switch (field.kind) {
    case 'name':
      return undefined;
    case 'text':
      return textCounter(field);
    default:
      return rangeCounter(field);
  }
}

function textCounter(field: TextField): Counter {
  const codes = new Uint32Array(blockMax);
  let found = new Uint32Array(64);
  let total = 0;
  return {
    add: (block, mask) => {
      field.readCodes(block, codes);
      for (let at = 0; at < block.slots.length; at++) {
        if (mask[at] === 0) continue;
        const code = codes[at]!;
        if (code >= found.length) found = enlarged(found, code);
        found[code]!++;
        total++;
      }
    },
    counts: (limit) => {
      const without = found[0]!;
      if (field.codesOf !== undefined) {
        const { distinct, values } = mostFrequentCodes(found, { field, limit });
        return { total, without, distinct, values };
      }
      const byValue = countsByValue(found, field);
      const values = inOrder([...byValue].map(([value, count]) => ({ value, count }))).slice(0, limit);
      return { total, without, distinct: byValue.size, values };
    },
  };
}

function enlarged(found: Uint32Array, code: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(Math.max(2 * found.length, code + 1));
  larger.set(found);
  return larger;
}

/** A thing that is in several groups counts for each of them. */
function countsByValue(found: Uint32Array, field: TextField): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (let code = 1; code < found.length; code++) {
    const count = found[code]!;
    if (count === 0) continue;
    for (const value of field.valuesOf(code)) counts.set(value, (counts.get(value) ?? 0) + count);
  }
  return counts;
}

/** Of very many values only those that are among the first are put in order: two passes over the counts, and nothing is made for each. */
function mostFrequentCodes(
  found: Uint32Array,
  { field, limit }: { readonly field: TextField; readonly limit: number },
): { readonly distinct: number; readonly values: readonly ValueCount[] } {
  const alike = valuesByCount(found);
  const { least, room } = leastShown(alike, limit);
  let left = room;
  let distinct = 0;
  const first: ValueCount[] = [];
  for (let code = 1; code < found.length; code++) {
    const count = found[code]!;
    if (count > 0) distinct++;
    // Of those that are as rare as the last one shown, no more than there is room for.
    if (count < least || (count === least && left-- <= 0)) continue;
    for (const value of field.valuesOf(code)) first.push({ value, count });
  }
  return { distinct, values: inOrder(first) };
}

/** How many values have each count; a count is at most the number of things. */
function valuesByCount(found: Uint32Array): Uint32Array {
  let most = 0;
  for (let code = 1; code < found.length; code++) most = Math.max(most, found[code]!);
  const alike = new Uint32Array(most + 1);
  for (let code = 1; code < found.length; code++) alike[found[code]!]!++;
  return alike;
}

/** The least count that is shown, and how many values of that count are. */
function leastShown(alike: Uint32Array, limit: number): { readonly least: number; readonly room: number } {
  let room = limit;
  for (let count = alike.length - 1; count > 0; count--) {
    if (alike[count]! >= room) return { least: count, room };
    room -= alike[count]!;
  }
  return { least: 1, room: limit };
}

function inOrder(counts: readonly ValueCount[]): readonly ValueCount[] {
  return counts.toSorted((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
}

interface Range {
  readonly below: number;
  readonly name: string;
}

const dayMs = 86_400_000;
const spans: readonly Range[] = [
  { below: 0, name: '<0s' },
  { below: 3_600_000, name: '<1h' },
  ...[1, 7, 30, 90, 365].map((days) => ({ below: days * dayMs, name: `<${days}d` })),
  { below: Number.POSITIVE_INFINITY, name: '>=365d' },
];
const tens: readonly Range[] = [
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((ten) => ({ below: 10 * ten, name: `<${10 * ten}` })),
  { below: Number.POSITIVE_INFINITY, name: '>=90' },
];

/** Numbers are counted in ranges; each is in the first that it is below the end of. */
function rangeCounter(field: NumberField): Counter {
  const ranges = field.kind === 'span' ? spans : tens;
  const numbers = new Float64Array(blockMax);
  const ends = Float64Array.from(ranges, ({ below }) => below);
  const found = ranges.map(() => 0);
  let total = 0;
  let without = 0;
  return {
    add: (block, mask) => {
      field.readNumbers(block, numbers);
      for (let at = 0; at < block.slots.length; at++) {
        if (mask[at] === 0) continue;
        total++;
        const number = numbers[at]!;
        let range = 0;
        while (range < ends.length && !(number < ends[range]!)) range++;
        if (range === ends.length) without++;
        else found[range]!++;
      }
    },
    counts: () => {
      const values = ranges
        .map(({ name }, at) => ({ value: name, count: found[at]! }))
        .filter(({ count }) => count > 0);
      return { total, without, distinct: values.length, values };
    },
  };
}
