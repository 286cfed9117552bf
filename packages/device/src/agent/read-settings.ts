import type { Json, JsonObject } from '@fleetward/core';
import { DeviceError } from '../errors.ts';

/** Readers of the settings' members: each names the path of what it refuses. */

export function isCommand(value: Json | undefined): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((part) => typeof part === 'string');
}

export function numbersAt<Settings extends { readonly [Name in keyof Settings]: number }>(
  path: string,
  { value, defaults }: { readonly value: Json | undefined; readonly defaults: Settings },
): Settings {
  const given = objectAt(path, { value: value ?? {}, names: Object.keys(defaults) });
  const numbers = Object.entries(given).map(([name, number]) => [name, wholeAt(`${path}.${name}`, number)]);
  return { ...defaults, ...Object.fromEntries(numbers) };
}

export function objectAt(
  path: string,
  { value, names }: { readonly value: Json | undefined; readonly names: readonly string[] },
): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(path || 'the settings', 'an object');
  const unknown = Object.keys(value).find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw invalid([path, unknown].filter(Boolean).join('.'), `one of \`${names.join('`, `')}\``);
  return value as JsonObject; // neither an array nor a scalar
}

export function stringAt(
  settings: JsonObject,
  { path, name, pattern }: { readonly path: string; readonly name: string; readonly pattern: RegExp },
): string {
  const value = settings[name];
  if (typeof value === 'string' && pattern.test(value)) return value;
  throw invalid(`${path}${name}`, `text like \`${pattern.source}\``);
}

export function wholeAt(path: string, value: Json | undefined): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return value;
  throw invalid(path, 'a whole number from 1');
}

export function invalid(path: string, expected: string): DeviceError {
  return new DeviceError('device.config_invalid', `\`${path.slice(0, 128)}\`: expected ${expected}`, {
    details: { path, expected },
  });
}
