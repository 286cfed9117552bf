import type { Json, JsonObject } from '@fleetward/core';

/** A field of queries that is a value in a shadow. */
export interface ShadowField {
  readonly field: string;
  /** Empty for the classic shadow. */
  readonly shadowName: string;
  readonly section: 'desired' | 'reported';
  readonly path: readonly string[];
}

/** What a shadow holds, or held before the start. */
export interface ShadowState {
  readonly desired?: JsonObject;
  readonly reported?: JsonObject;
}

/** `shadow.reported.PATH`, `shadow.desired.PATH`, `shadow.name.NAME.reported.PATH`: keys with dots between them. */
const pattern =
  /^shadow\.(?:name\.(?<name>[a-zA-Z0-9:_-]{1,64})\.)?(?<section>desired|reported)\.(?<path>[^.]+(?:\.[^.]+)*)$/;

/** Nothing for what is no such field. */
export function parseShadowField(field: string): ShadowField | undefined {
  const { name = '', section, path = '' } = pattern.exec(field)?.groups ?? {};
  if (section === undefined) return undefined;
  return { field, shadowName: name, section: section as 'desired', path: path.split('.') };
}

/** In front of a number: a text with it is not searched for. */
export const numberMark = '\0';

/**
 * The value at the field as the index keeps it, a number with its mark; nothing where there is none, or an object or an array, or a text of
 * more than `textLengthMax` characters.
 */
export function shadowValue(
  { section, path }: ShadowField,
  { state, textLengthMax }: { readonly state: ShadowState; readonly textLengthMax: number },
): string | undefined {
  let value: Json | undefined = state[section];
  for (const key of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    value = Object.hasOwn(value, key) ? (value as JsonObject)[key] : undefined;
  }
  switch (typeof value) {
    case 'number':
      return `${numberMark}${value}`;
    case 'boolean':
      return String(value);
    case 'string':
      return value.length > textLengthMax || value.startsWith(numberMark) ? undefined : value;
    default:
      return undefined;
  }
}
