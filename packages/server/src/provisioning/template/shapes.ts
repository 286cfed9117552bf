import { type Json, type JsonObject, jsonMemberPath } from '@fleetward/core';
import { ProvisioningError } from '../errors.ts';

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function invalid(path: string, message: string): ProvisioningError {
  return new ProvisioningError('provisioning.template_invalid', `the template: ${message} (at \`${path}\`)`, {
    details: { path },
  });
}

/** An object with no other members than these. */
export function objectAt(value: Json | undefined, path: string, members: readonly string[]): JsonObject {
  if (!isObject(value)) throw invalid(path, 'expected an object');
  for (const key of Object.keys(value)) {
    if (!members.includes(key))
      throw invalid(jsonMemberPath(path, key), `not known here; there are ${members.join(', ')}`);
  }
  return value;
}

/** One of the texts, whatever its case. */
export function choiceAt<Choice extends string>(
  value: Json | undefined,
  path: string,
  choices: readonly [Choice, ...Choice[]],
): Choice {
  if (value === undefined) return choices[0];
  const found = choices.find((choice) => typeof value === 'string' && value.toUpperCase() === choice);
  if (found === undefined) throw invalid(path, `expected one of ${choices.join(', ')}`);
  return found;
}

/** The members of an object, at most so many. */
export function entriesAt(
  value: Json | undefined,
  path: string,
  entriesMax: number,
): readonly (readonly [string, Json, string])[] {
  if (value === undefined) return [];
  if (!isObject(value)) throw invalid(path, 'expected an object');
  const entries = Object.entries(value);
  if (entries.length > entriesMax) throw invalid(path, `more than ${entriesMax} members`);
  return entries.map(([key, each]) => [key, each, jsonMemberPath(path, key)]);
}
