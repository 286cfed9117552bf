import type { Json, JsonObject } from '@fleetward/core';
import { isObject, own, type Times, type TimesObject } from './document.ts';

/** The metadata of a section or of a part of it: `{"timestamp"}` in the place of each value. */
export function metadataOf(value: JsonObject, times: TimesObject | undefined): JsonObject {
  return mapped(value, (inner, key) => timesOf(inner, own(times, key)));
}

/** The metadata of values that were all set at that time; what a change deletes has none. */
export function metadataAt(change: JsonObject, seconds: number): JsonObject {
  return mapped(change, (inner) => stamped(inner, seconds));
}

function timesOf(value: Json, times: Times | undefined): Json {
  if (typeof times === 'number') return stamped(value, times);
  return isObject(value) ? metadataOf(value, times) : {};
}

function stamped(value: Json, timestamp: number): Json {
  if (Array.isArray(value)) return value.map((item) => stamped(item, timestamp));
  return isObject(value) ? metadataAt(value, timestamp) : { timestamp };
}

function mapped(object: JsonObject, map: (value: Json, key: string) => Json): JsonObject {
  const kept = Object.entries(object).filter(([, value]) => value !== null);
  return Object.fromEntries(kept.map(([key, value]) => [key, map(value, key)]));
}
