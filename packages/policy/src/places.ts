import { InvalidInputError, type JsonPlace, parseStrictJson } from '@fleetward/core';
import { POLICY_BYTES_MAX, POLICY_DEPTH_MAX } from './limits.ts';

/**
 * Where the value at a JSON path of a policy document stands in its text; for a member that is not there, the value that should
 * have it; for a text that is no JSON, where that shows. Undefined when nothing can be said, as for a document that is too large.
 */
export function placeInPolicy(text: string, path: string): JsonPlace | undefined {
  const places = new Map<string, JsonPlace>();
  try {
    const onValue = (at: string, place: JsonPlace): void => void places.set(at, place);
    parseStrictJson(text, { bytesMax: POLICY_BYTES_MAX, depthMax: POLICY_DEPTH_MAX, onValue });
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    const { at } = error.details;
    return typeof at === 'number' ? { start: at, end: at + 1 } : undefined;
  }
  for (let known = path; known !== ''; known = parentOf(known)) {
    const place = places.get(known);
    if (place !== undefined) return place;
  }
  return undefined;
}

/** The path without its last step; empty above the root. */
function parentOf(path: string): string {
  return path.replace(/(?:\.\w+|\[\d+\]|\["(?:[^"\\]|\\.)*"\]|\$|.)$/su, '');
}
