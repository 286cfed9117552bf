import { compareVersions, isVersion } from '@fleetward/updates';
import { queryInvalid, type SearchError, searchErrorAt } from './errors.ts';
import {
  type Block,
  type Field,
  type NumberField,
  shadowField,
  type TextField,
  textField,
} from './index/fields.ts';
import type { FleetIndex } from './index/fleet-index.ts';
import { blockMax } from './index/name-order.ts';
import type { Query, Term } from './query/query.ts';
import { holds, numberOf, parseDuration, parseNumber, textTest } from './query/values.ts';
import { parseShadowField } from './shadow-fields.ts';

/** Sets 1 for each slot of the block that matches, and 0 for the others. */
export type Filter = (block: Block, mask: Uint8Array) => void;

/** Fields with a name of their own behind the dot: a column is there for those that some thing has. */
const named = { 'attribute.': 'attributes', 'tag.': 'tags' } as const;
type Prefix = keyof typeof named;
/** What else a field may begin with, for who gets it wrong. */
const inShadows = [
  'shadow.reported.',
  'shadow.desired.',
  'shadow.name.NAME.reported.',
  'shadow.name.NAME.desired.',
];

/** Makes of a query what finds its things in the index. Throws `search.field_unknown`, `search.not_indexed` and `search.query_invalid`. */
export function planQuery(query: Query, index: FleetIndex): Filter {
  switch (query.kind) {
    case 'term':
      return planTerm(query, index);
    case 'not':
      return complement(planQuery(query.item, index));
    default:
      return combination(
        query.kind,
        query.items.map((item) => planQuery(item, index)),
      );
  }
}

/** The field of this name; `position` is where it was asked for. */
export function fieldOf(
  index: FleetIndex,
  { field: name, position }: Pick<Term, 'field' | 'position'>,
): Field {
  const prefix = prefixOf(name);
  const field =
    prefix === undefined
      ? (index.field(name) ?? fieldOfShadow(index, { name, position }))
      : namedField(index, { prefix, name: name.slice(prefix.length), position });
  if (field !== undefined) return field;
  const known = shownFields(index.fieldNames);
  throw searchErrorAt('search.field_unknown', position, `there is no field \`${name}\`; there are ${known}`);
}

/** Says by what things can be counted instead. */
export function cannotBeCounted(
  index: FleetIndex,
  { field: name, position }: Pick<Term, 'field' | 'position'>,
): SearchError {
  const countable = index.fieldNames.filter((one) => index.field(one)?.kind !== 'name');
  const why = `\`${name}\` is different for every thing; count by one of ${shownFields(countable)}`;
  return queryInvalid(position, why);
}

/** These, and those that have a name of their own behind the dot. */
function shownFields(fieldNames: readonly string[]): string {
  const open = [...Object.keys(named), ...inShadows].map((one) => `${one}…`);
  return [...fieldNames, ...open].map((one) => `\`${one}\``).join(', ');
}

/** A field's name, or what of it is behind the dot, and where in the query the field stands. */
interface NameAt {
  readonly name: string;
  readonly position: number;
}

function prefixOf(name: string): Prefix | undefined {
  return (Object.keys(named) as Prefix[]).find((prefix) => name.startsWith(prefix));
}

function namedField(
  index: FleetIndex,
  { prefix, name, position }: NameAt & { readonly prefix: Prefix },
): Field | undefined {
  if (name === '') return undefined;
  const what = named[prefix];
  const column = index[what].find(name);
  if (column !== undefined) return textField(column, { order: 'number' });
  if (!index[what].isFull) return nowhere;
  throw searchErrorAt(
    'search.not_indexed',
    position,
    `things have more ${what} than are searched, and \`${name}\` is not among those: raise the setting \`search.attributesMax\` and restart`,
  );
}

function fieldOfShadow(index: FleetIndex, { name, position }: NameAt): Field | undefined {
  const column = index.shadows.find(name);
  if (column !== undefined) return shadowField(column);
  if (parseShadowField(name) === undefined) return undefined;
  throw searchErrorAt(
    'search.not_indexed',
    position,
    `\`${name}\` is not among the values of shadows that are searched: add it to the setting \`search.shadowFields\` and restart`,
  );
}

/** An attribute or a tag that no thing has. */
const nowhere: TextField = {
  kind: 'text',
  order: 'number',
  readCodes: ({ slots }, codes) => void codes.fill(0, 0, slots.length),
  valuesOf: () => [],
};

function planTerm(term: Term, index: FleetIndex): Filter {
  const field = fieldOf(index, term);
  switch (field.kind) {
    case 'name':
      return planName(term, index);
    case 'text':
      return planText(term, field);
    default:
      return planNumber(term, field);
  }
}

function planName(term: Term, { names }: FleetIndex): Filter {
  if (term.operator !== ':') throw noOrder(term);
  const test = textTest(term.value);
  return ({ slots }, mask) => {
    for (let at = 0; at < slots.length; at++) mask[at] = test(names[slots[at]!]!) ? 1 : 0;
  };
}

const unknown = 0;
const matching = 1;
const other = 2;

function planText(term: Term, field: TextField): Filter {
  const test = testOf(term, field);
  const { operator, value } = term;
  const isOne = operator === ':' && (value.isQuoted || !value.text.includes('*'));
  if (isOne && field.codesOf !== undefined) return planOneValue(value.text, field.codesOf, field);
  return planValues(test, field);
}

function planOneValue(
  value: string,
  codesOf: (value: string) => readonly number[],
  field: TextField,
): Filter {
  const codes = new Uint32Array(blockMax);
  return (block, mask) => {
    // Anew for each block: the value may have come, or have gone and come back.
    const [first = 0, second = 0] = codesOf(value);
    field.readCodes(block, codes);
    for (let at = 0; at < block.slots.length; at++) {
      const code = codes[at]!;
      mask[at] = code !== 0 && (code === first || code === second) ? 1 : 0;
    }
  };
}

/** Each value is looked at once, however many things have it. */
function planValues(test: (code: number) => boolean, field: TextField): Filter {
  const codes = new Uint32Array(blockMax);
  let verdicts = new Uint8Array(64);
  const judge = (code: number): number => {
    if (code >= verdicts.length) verdicts = enlarged(verdicts, code);
    const verdict = test(code) ? matching : other;
    verdicts[code] = verdict;
    return verdict;
  };
  return (block, mask) => {
    field.readCodes(block, codes);
    for (let at = 0; at < block.slots.length; at++) {
      const code = codes[at]!;
      const verdict = verdicts[code] || judge(code);
      mask[at] = verdict === matching ? 1 : 0;
    }
  };
}

function enlarged(verdicts: Uint8Array, code: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(2 * verdicts.length, code + 1)).fill(unknown);
  larger.set(verdicts);
  return larger;
}

/** Whether what has this code matches. */
function testOf(term: Term, field: TextField): (code: number) => boolean {
  const { order, values } = field;
  if (term.operator !== ':' && order === 'typed') return typedTest(term, field);
  const test = term.operator === ':' ? knownTest(term, values) : orderTest(term, order);
  return (code) => field.valuesOf(code).some(test);
}

/** A number is compared as a number, and a text as a version: what the device says decides, not how it is asked. */
function typedTest({ operator, value }: Term, field: TextField): (code: number) => boolean {
  const { text } = value;
  const wanted = numberOf(text) ?? Number.NaN;
  if (Number.isNaN(wanted) && !isVersion(text))
    throw queryInvalid(value.position, 'this is neither a number nor a version, such as `2.1.0`');
  return (code) => {
    const number = field.numberOf?.(code);
    if (number !== undefined) return holds(number - wanted, operator);
    return field
      .valuesOf(code)
      .some((candidate) => holds(compareVersions(candidate, text) ?? Number.NaN, operator));
  };
}

function orderTest(term: Term, order: TextField['order']): (candidate: string) => boolean {
  const { operator, value } = term;
  if (order === 'number') {
    const wanted = parseNumber(value);
    return (candidate) => holds((numberOf(candidate) ?? Number.NaN) - wanted, operator);
  }
  if (order === undefined) throw noOrder(term);
  if (!isVersion(value.text)) throw queryInvalid(value.position, 'this is no version, such as `2.1.0`');
  return (candidate) => holds(compareVersions(candidate, value.text) ?? Number.NaN, operator);
}

/** A value that cannot be is a mistake, and not something that no thing has. */
function knownTest(
  { field, value }: Term,
  values: readonly string[] | undefined,
): (candidate: string) => boolean {
  const isPattern = !value.isQuoted && value.text.includes('*');
  if (values !== undefined && !isPattern && !values.includes(value.text))
    throw queryInvalid(value.position, `\`${field}\` is one of ${values.join(', ')}`);
  return textTest(value);
}

function noOrder({ field, position }: Term): SearchError {
  return queryInvalid(position, `\`${field}\` has no order: compare it with \`:\``);
}

function planNumber(term: Term, field: NumberField): Filter {
  const numbers = new Float64Array(blockMax);
  const { above, below, orEqual } = rangeOf(term, field);
  return (block, mask) => {
    field.readNumbers(block, numbers);
    for (let at = 0; at < block.slots.length; at++) {
      const number = numbers[at]!;
      mask[at] = (number > above && number < below) || number === orEqual ? 1 : 0;
    }
  };
}

interface Range {
  readonly above: number;
  readonly below: number;
  /** NaN: no number. */
  readonly orEqual: number;
}

function rangeOf({ field: name, operator, value, position }: Term, { kind }: NumberField): Range {
  const all = { above: Number.NEGATIVE_INFINITY, below: Number.POSITIVE_INFINITY, orEqual: Number.NaN };
  if (operator === ':' && value.text === '*' && !value.isQuoted) return all;
  if (operator === ':' && kind === 'span')
    throw queryInvalid(position, `\`${name}\` is compared with \`<\` or \`>\`, such as \`<30d\``);
  const wanted = kind === 'span' ? parseDuration(value) : parseNumber(value);
  const orEqual = operator === '<' || operator === '>' ? Number.NaN : wanted;
  switch (operator) {
    case ':':
      return { above: wanted, below: wanted, orEqual };
    case '<':
    case '<=':
      return { ...all, below: wanted, orEqual };
    case '>':
    case '>=':
      return { ...all, above: wanted, orEqual };
  }
}

function complement(filter: Filter): Filter {
  return (block, mask) => {
    filter(block, mask);
    for (let at = 0; at < block.slots.length; at++) mask[at]! ^= 1;
  };
}

function combination(kind: 'and' | 'or', [first, ...others]: readonly Filter[]): Filter {
  const more = new Uint8Array(blockMax);
  return (block, mask) => {
    const { length } = block.slots;
    first!(block, mask);
    for (const filter of others) {
      // Then the others change nothing.
      if (!mask.subarray(0, length).includes(kind === 'and' ? 1 : 0)) return;
      filter(block, more);
      if (kind === 'and') for (let at = 0; at < length; at++) mask[at]! &= more[at]!;
      else for (let at = 0; at < length; at++) mask[at]! |= more[at]!;
    }
  };
}

/** What the name of every thing that matches begins with: so that not the whole fleet need be looked at. */
export function namePrefix(query: Query): string {
  switch (query.kind) {
    case 'term': {
      const { text, isQuoted } = query.value;
      if (query.field !== 'name' || query.operator !== ':') return '';
      return isQuoted ? text : text.slice(0, text.includes('*') ? text.indexOf('*') : undefined);
    }
    case 'and':
      return query.items.map(namePrefix).reduce((a, b) => (b.length > a.length ? b : a));
    default:
      return '';
  }
}
