import type { Json, JsonObject } from '@fleetward/core';
import { ReportRefusal } from './refusal.ts';

/** Characters of a text in a report: an address with its port, an interface, an item of a `string_list`. */
const textLengthMax = 256;

// Each reads one value of a report, or throws a `ReportRefusal` that says where it stands.

export function objectOf(value: Json | undefined, where: string): JsonObject {
  if (value === undefined) throw new ReportRefusal(`${where} is missing`);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ReportRefusal(`${where} is no object`);
  return value as JsonObject;
}

export function listOf(value: Json, where: string, itemsMax: number): readonly Json[] {
  if (!Array.isArray(value)) throw new ReportRefusal(`${where} is no list`);
  if (value.length > itemsMax) throw new ReportRefusal(`${where} has more than ${itemsMax} items`);
  return value;
}

export function textOf(value: Json | undefined, where: string): string {
  if (value === undefined) throw new ReportRefusal(`${where} is missing`);
  if (typeof value === 'string' && value.length <= textLengthMax && !/\p{Cc}|\p{Cs}/u.test(value))
    return value;
  throw new ReportRefusal(
    `${where} is no text of at most ${textLengthMax} characters without control characters`,
  );
}

export function countOf(value: Json | undefined, where: string): number {
  if (value === undefined) throw new ReportRefusal(`${where} is missing`);
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return positive(value);
  throw new ReportRefusal(`${where} is no whole number from 0 to 2^53 - 1`);
}

export function portOf(value: Json | undefined, where: string): number {
  const port = countOf(value, where);
  if (port > 65_535) throw new ReportRefusal(`${where} is above 65535`);
  return port;
}

export function numberOf(value: Json | undefined, where: string, least = Number.NEGATIVE_INFINITY): number {
  if (typeof value !== 'number') throw new ReportRefusal(`${where} is no number`);
  if (value < least) throw new ReportRefusal(`${where} is below ${least}`);
  return positive(value);
}

/** Without the members that are absent. */
export function defined<Members extends object>(
  members: Members,
): { readonly [Name in keyof Members]?: Exclude<Members[Name], undefined> } {
  const present = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present) as { [Name in keyof Members]?: Exclude<Members[Name], undefined> };
}

/** JSON, as reports are kept, has no −0. */
function positive(value: number): number {
  return value === 0 ? 0 : value;
}
