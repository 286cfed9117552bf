import type { Json, JsonObject } from '@fleetward/core';
import type { IssueList } from './issues.ts';

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isJsonList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

export interface ListItem {
  readonly path: string;
  readonly value: Json;
}

/** A member that may be one value or a list of them, as items with their paths. */
export function listItems(value: Json, path: string): readonly ListItem[] {
  if (!isJsonList(value)) return [{ path, value }];
  return value.map((item, index) => ({ path: `${path}[${index}]`, value: item }));
}

/** What a JSON value is called in a message. */
export function jsonTypeOf(value: Json | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  return isJsonList(value) ? 'a list' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** The strings of a member that must be a string or a list of at least one; anything else becomes an issue. */
export function stringItems(
  value: Json | undefined,
  {
    path,
    expected,
    issues,
  }: { readonly path: string; readonly expected: string; readonly issues: IssueList },
): readonly { readonly path: string; readonly value: string }[] {
  if (value === undefined || (isJsonList(value) && value.length === 0)) {
    issues.add(path, {
      message: value === undefined ? 'the member is missing' : 'the list is empty',
      expected,
    });
    return [];
  }
  return listItems(value, path).flatMap((item) => {
    if (typeof item.value === 'string') return [{ path: item.path, value: item.value }];
    issues.add(item.path, { message: `found ${jsonTypeOf(item.value)}`, expected });
    return [];
  });
}
