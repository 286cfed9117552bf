import type { Json } from '@fleetward/core';
import { KeysError } from '../errors.ts';

/** The members of a JSON object of which nothing is known yet. */
export type Fields = Readonly<Record<string, unknown>>;

export function fieldsOf(json: Json | unknown): Fields {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw malformed('expected an object');
  return { ...json };
}

export function textField(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string') throw malformed(`\`${name}\` must be text`);
  return value;
}

export function integerField(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw malformed(`\`${name}\` must be a whole number`);
  }
  return value;
}

export function listField(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name];
  if (!Array.isArray(value)) throw malformed(`\`${name}\` must be a list`);
  return value;
}

/** A message that the protocol does not know. */
export function malformed(reason: string): KeysError {
  return new KeysError('keys.protocol', `malformed message: ${reason}`);
}
