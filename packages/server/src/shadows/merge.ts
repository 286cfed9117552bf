import type { Json, JsonObject } from '@fleetward/core';
import { isObject, own, type Times, type TimesObject } from './document.ts';

/** A section, or an object in it, with the times of its values. */
export interface Timed {
  readonly value: JsonObject;
  readonly times: TimesObject;
}

const nothing: Timed = { value: {}, times: {} };

/** What becomes of `base` by a change at `nowSeconds`: objects are merged, `null` deletes a key, anything else replaces what was there. */
export function merge(base: Timed | undefined, change: JsonObject, nowSeconds: number): Timed {
  const value: Record<string, Json> = { ...base?.value };
  const times: Record<string, Times> = { ...base?.times };
  for (const [key, wanted] of Object.entries(change)) {
    if (wanted === null) {
      delete value[key];
      delete times[key];
    } else if (isObject(wanted)) {
      const merged = merge(timedAt(base, key), wanted, nowSeconds);
      value[key] = merged.value;
      times[key] = merged.times;
    } else {
      value[key] = wanted;
      times[key] = nowSeconds;
    }
  }
  return { value, times };
}

function timedAt(base: Timed | undefined, key: string): Timed {
  const value = own(base?.value, key);
  const times = own(base?.times, key);
  return isObject(value) ? { value, times: typeof times === 'object' ? times : {} } : nothing;
}
