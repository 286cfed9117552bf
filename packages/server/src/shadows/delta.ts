import type { Json, JsonObject } from '@fleetward/core';
import { isObject, own } from './document.ts';

/** Where `desired` differs from `reported`, with the desired values: also what is not reported at all. Empty when they agree. */
export function deltaOf(desired: JsonObject, reported: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(desired).flatMap(([key, wanted]) => {
      const differing = differenceOf(wanted, own(reported, key));
      return differing === undefined ? [] : [[key, differing]];
    }),
  );
}

function differenceOf(wanted: Json, there: Json | undefined): Json | undefined {
  if (there === undefined) return wanted;
  if (isObject(wanted) && isObject(there)) {
    const inner = deltaOf(wanted, there);
    return Object.keys(inner).length === 0 ? undefined : inner;
  }
  return isSame(wanted, there) ? undefined : wanted;
}

function isSame(one: Json, other: Json): boolean {
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((item, index) => isSame(item, other[index] as Json));
  if (isObject(one) && isObject(other)) {
    const keys = Object.keys(one);
    return (
      keys.length === Object.keys(other).length &&
      keys.every((key) => Object.hasOwn(other, key) && isSame(one[key] as Json, other[key] as Json))
    );
  }
  return one === other;
}
