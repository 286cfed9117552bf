import { parseShadowField, type ShadowField, type ShadowState, shadowValue } from '../shadow-fields.ts';
import { TextColumn } from './columns.ts';
import type { Extent } from './dictionary.ts';

export interface ShadowColumnsOptions {
  /** Which values of shadows are searched; no others are. */
  readonly fields: readonly string[];
  /** Characters of a text; a longer one is not searched. */
  readonly textLengthMax: number;
}

interface FieldColumn {
  readonly field: ShadowField;
  readonly column: TextColumn;
}

/** A column for each value of shadows that is searched. */
export class ShadowColumns {
  readonly #columns: readonly FieldColumn[];
  readonly #byField: ReadonlyMap<string, TextColumn>;
  readonly #byShadow: ReadonlyMap<string, readonly FieldColumn[]>;
  readonly #textLengthMax: number;

  constructor(extent: Extent, { fields, textLengthMax }: ShadowColumnsOptions) {
    this.#textLengthMax = textLengthMax;
    this.#columns = [...new Set(fields)].map((field) => ({
      field: parsed(field),
      column: new TextColumn(extent),
    }));
    this.#byField = new Map(this.#columns.map(({ field, column }) => [field.field, column]));
    this.#byShadow = Map.groupBy(this.#columns, ({ field }) => field.shadowName);
  }

  get size(): number {
    return this.#columns.length;
  }

  /** The shadows that have such values. */
  get shadowNames(): readonly string[] {
    return [...this.#byShadow.keys()];
  }

  find(field: string): TextColumn | undefined {
    return this.#byField.get(field);
  }

  /** False when nothing of this shadow is searched. */
  set(
    slot: number,
    { shadowName, state }: { readonly shadowName: string; readonly state: ShadowState },
  ): boolean {
    const columns = this.#byShadow.get(shadowName);
    for (const { field, column } of columns ?? [])
      column.set(slot, shadowValue(field, { state, textLengthMax: this.#textLengthMax }));
    return columns !== undefined;
  }

  clear(slot: number): void {
    for (const { column } of this.#columns) column.set(slot, undefined);
  }
}

function parsed(field: string): ShadowField {
  const known = parseShadowField(field);
  if (known === undefined) throw new TypeError(`\`${field}\` is no value of a shadow`);
  return known;
}
