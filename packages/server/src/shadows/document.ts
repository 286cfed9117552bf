import type { Json, JsonObject, ThingName } from '@fleetward/core';

export const sections = ['desired', 'reported'] as const;
export type Section = (typeof sections)[number];

/** Which shadow of which thing; the classic one has an empty name. */
export interface ShadowKey {
  readonly thingName: ThingName;
  readonly shadowName: string;
}

/** When each value was set, in seconds. An array is set whole, so it has one time for all that is in it. */
export type Times = number | { readonly [key: string]: Times };
export type TimesObject = Exclude<Times, number>;

export interface ShadowDocument {
  /** Rises with each change and keeps counting after a deletion; 0 before the first. */
  readonly version: number;
  readonly state: { readonly [S in Section]?: JsonObject };
  readonly times: { readonly [S in Section]?: TimesObject };
  readonly isDeleted: boolean;
}

export const noDocument: ShadowDocument = { version: 0, state: {}, times: {}, isDeleted: true };

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What the object itself has: a key may be named as what every object inherits. */
export function own<Value>(
  object: { readonly [key: string]: Value } | undefined,
  key: string,
): Value | undefined {
  return object !== undefined && Object.hasOwn(object, key) ? object[key] : undefined;
}
