import { InvalidInputError } from './errors.ts';

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export type JsonObject = { readonly [key: string]: Json };

/**
 * One text for one value, so that it can be hashed and signed: RFC 8785 (keys sorted by UTF-16 code unit, no white
 * space, ECMAScript numbers). `undefined` members are left out; a number that is not finite is refused.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') return canonicalNumber(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object') return canonicalObject(value as Record<string, unknown>);
  throw new InvalidInputError('core.invalid_json', `a value of type \`${typeof value}\` has no JSON form`);
}

function canonicalNumber(value: number): string {
  if (!Number.isFinite(value))
    throw new InvalidInputError('core.invalid_json', 'a number that is not finite has no JSON form');
  return JSON.stringify(value);
}

function canonicalObject(object: Record<string, unknown>): string {
  const members: string[] = [];
  for (const key of Object.keys(object).sort()) {
    if (object[key] !== undefined) members.push(`${JSON.stringify(key)}:${canonicalJson(object[key])}`);
  }
  return `{${members.join(',')}}`;
}
