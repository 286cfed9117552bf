import { InvalidInputError, type JsonObject, parseStrictJson } from '@fleetward/core';
import { DdiError } from './errors.ts';

export interface BodyLimits {
  readonly bodyBytesMax: number;
  readonly jsonDepthMax: number;
}

/** Far more than any client sends. */
const valuesMax = 10_000;

/** The JSON object of a body. Fields that nobody reads are left alone: clients send many of old times. Throws `ddi.invalid`. */
export function readObject(body: Uint8Array, { bodyBytesMax, jsonDepthMax }: BodyLimits): JsonObject {
  try {
    const value = parseStrictJson(body, { bytesMax: bodyBytesMax, depthMax: jsonDepthMax, valuesMax });
    if (isObject(value)) return value;
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw invalid(`the body is not accepted as JSON: ${error.message}`);
  }
  throw invalid('the body is no JSON object');
}

/** The object at a member. */
export function objectAt(of: JsonObject, name: string, path = name): JsonObject {
  const value = of[name];
  if (isObject(value)) return value;
  throw invalid(`\`${path}\` is no object`);
}

/** The word at a member, of those that may stand there. */
export function wordAt<Word extends string>(
  of: JsonObject,
  name: string,
  allowed: { readonly words: readonly Word[]; readonly path: string },
): Word {
  const found = allowed.words.find((word) => word === of[name]);
  if (found !== undefined) return found;
  throw invalid(`\`${allowed.path}\` is none of ${allowed.words.join(', ')}`);
}

export function invalid(message: string): DdiError {
  return new DdiError('ddi.invalid', message);
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
