import { numberMark } from '../shadow-fields.ts';
import { type NumberColumn, TextColumn } from './columns.ts';
import type { Extent } from './dictionary.ts';
import { blockMax } from './name-order.ts';

/** Slots that are searched together, and the time of the search. */
export interface Block {
  readonly slots: Uint32Array;
  readonly nowMs: number;
}

/** A field of texts. */
export interface TextField {
  readonly kind: 'text';
  /** By what `<` and `>` go; without it there is no such order. */
  readonly order?: 'version' | 'number' | 'typed';
  /** The only values there are. */
  readonly values?: readonly string[];
  readCodes(block: Block, codes: Uint32Array): void;
  /** What a thing with this code has; several for what a thing is in. */
  valuesOf(code: number): readonly string[];
  /** The codes that are shown as this value, where a thing has one value at most; 0 for none. */
  readonly codesOf?: (value: string) => readonly number[];
  /** Where `order` is `typed`: the number that the value is, if it is one and no text. */
  readonly numberOf?: (code: number) => number | undefined;
}

/** A field of numbers or, in milliseconds, of time spans. */
export interface NumberField {
  readonly kind: 'number' | 'span';
  readNumbers(block: Block, numbers: Float64Array): void;
}

/** The name of the thing itself, which no other has. */
export interface NameField {
  readonly kind: 'name';
}

export type Field = TextField | NumberField | NameField;

export function textField(column: TextColumn, more: Pick<TextField, 'order' | 'values'> = {}): TextField {
  const { dictionary } = column;
  return {
    kind: 'text',
    ...more,
    readCodes: ({ slots }, codes) => column.read(slots, codes),
    valuesOf: (code) => {
      const value = dictionary.valueOf(code);
      return value === undefined ? [] : [value];
    },
    codesOf: (value) => [dictionary.codeOf(value)],
  };
}

/** Values of shadows: a number is marked as one, and looks to who asks like a text of its digits. */
export function shadowField(column: TextColumn): TextField {
  const { dictionary } = column;
  const isNumber = (value: string | undefined): value is string => value?.startsWith(numberMark) === true;
  return {
    ...textField(column),
    order: 'typed',
    valuesOf: (code) => {
      const value = dictionary.valueOf(code);
      if (value === undefined) return [];
      return [isNumber(value) ? value.slice(numberMark.length) : value];
    },
    codesOf: (value) => [dictionary.codeOf(value), dictionary.codeOf(`${numberMark}${value}`)],
    numberOf: (code) => {
      const value = dictionary.valueOf(code);
      return isNumber(value) ? Number(value.slice(numberMark.length)) : undefined;
    },
  };
}

/** The groups of a thing are one text, with a blank between them: no group has one in its name. */
export function groupField(
  column: TextColumn,
  withAncestors: (groupNames: readonly string[]) => readonly string[],
): TextField {
  return {
    kind: 'text',
    readCodes: ({ slots }, codes) => column.read(slots, codes),
    valuesOf: (code) => {
      const names = column.dictionary.valueOf(code);
      return names === undefined ? [] : withAncestors(names.split(' '));
    },
  };
}

export function numberField(column: NumberColumn): NumberField {
  return { kind: 'number', readNumbers: ({ slots }, numbers) => column.read(slots, numbers) };
}

/** How long ago the column's moment was, or how long it is until then. */
export function spanField(column: NumberColumn, sense: 'since' | 'until'): NumberField {
  const sign = sense === 'since' ? -1 : 1;
  return {
    kind: 'span',
    readNumbers: ({ slots, nowMs }, numbers) => {
      column.read(slots, numbers);
      for (let at = 0; at < slots.length; at++) numbers[at] = sign * (numbers[at]! - nowMs);
    },
  };
}

const booleans = ['false', 'true'] as const;

/** Whether the column's moment is still to come; every thing is one or the other. */
export function untilField(column: NumberColumn): TextField {
  const ends = new Float64Array(blockMax);
  return {
    kind: 'text',
    values: booleans,
    readCodes: ({ slots, nowMs }, codes) => {
      column.read(slots, ends);
      for (let at = 0; at < slots.length; at++) codes[at] = nowMs < ends[at]! ? 2 : 1;
    },
    valuesOf: (code) => booleans.slice(code - 1, code),
    codesOf: (value) => [booleans.indexOf(value as 'true') + 1],
  };
}

const certificateStates = ['active', 'expired', 'inactive', 'pending', 'revoked'] as const;
export type CertificateStateValue = (typeof certificateStates)[number];

/** Expiry comes by itself: an active certificate that has ended is shown as expired. */
export function certificateStateField(columns: {
  readonly state: TextColumn;
  readonly notAfterMs: NumberColumn;
}): TextField {
  const { state, notAfterMs } = columns;
  // Kept for good, so that there is a code for each.
  const active = state.dictionary.take('active' satisfies CertificateStateValue);
  const expired = state.dictionary.take('expired' satisfies CertificateStateValue);
  const ends = new Float64Array(blockMax);
  return {
    ...textField(state, { values: certificateStates }),
    readCodes: ({ slots, nowMs }, codes) => {
      state.read(slots, codes);
      notAfterMs.read(slots, ends);
      for (let at = 0; at < slots.length; at++)
        if (codes[at] === active && nowMs > ends[at]!) codes[at] = expired;
    },
  };
}

/** Columns of attributes or tags, made as things with new ones come, and gone when no thing has them any more. */
export class AttributeColumns {
  readonly #columns = new Map<string, TextColumn>();
  readonly #extent: Extent;
  readonly #columnsMax: number;
  #isFull = false;

  constructor(extent: Extent, columnsMax: number) {
    this.#extent = extent;
    this.#columnsMax = columnsMax;
  }

  get size(): number {
    return this.#columns.size;
  }

  /** Whether some attribute has no column: then one that has none may still be on things. */
  get isFull(): boolean {
    return this.#isFull;
  }

  find(name: string): TextColumn | undefined {
    return this.#columns.get(name);
  }

  set(slot: number, attributes: Readonly<Record<string, string>>): void {
    for (const name of Object.keys(attributes)) this.#ensure(name);
    for (const [name, column] of this.#columns) {
      column.set(slot, Object.hasOwn(attributes, name) ? attributes[name] : undefined);
      // A search that is under way looks at this column, and would miss one that is made anew meanwhile.
      if (column.dictionary.isEmpty && this.#extent.readers === 0) this.#columns.delete(name);
    }
  }

  #ensure(name: string): void {
    if (this.#columns.has(name)) return;
    // Not later either: a column that began in the middle would know of some things and not of others.
    if (this.#isFull || this.#columns.size >= this.#columnsMax) this.#isFull = true;
    else this.#columns.set(name, new TextColumn(this.#extent));
  }
}
