/** Readers of untrusted JSON fields for the two small state files; the starter depends on nothing but Node. */

export type Fields = Readonly<Record<string, unknown>>;

/** A state file is not what it must be; caught where the file is read. */
export class DamagedState extends Error {}

/** An object with these members and no others. */
export function fieldsOf(
  value: unknown,
  { what, names }: { what: string; names: readonly string[] },
): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new DamagedState(`${what} is not an object`);
  const unknown = Object.keys(value).find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new DamagedState(`${what} has an unknown member \`${unknown.slice(0, 64)}\``);
  return value as Fields;
}

export function text(fields: Fields, name: string, pattern: RegExp): string {
  const value = fields[name];
  if (typeof value === 'string' && pattern.test(value)) return value;
  throw new DamagedState(`\`${name}\` is missing or malformed`);
}

/** A whole number from 0. */
export function count(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new DamagedState(`\`${name}\` is missing or not a whole number from 0`);
}

export function oneOf<Name extends string>(fields: Fields, name: string, names: readonly Name[]): Name {
  const found = names.find((candidate) => candidate === fields[name]);
  if (found !== undefined) return found;
  throw new DamagedState(`\`${name}\` is missing or none of \`${names.join('`, `')}\``);
}

export function flag(fields: Fields, name: string): boolean {
  const value = fields[name];
  if (typeof value === 'boolean') return value;
  throw new DamagedState(`\`${name}\` is missing or not true or false`);
}

export function optional<Value>(value: unknown, parse: (value: unknown) => Value): Value | undefined {
  return value === undefined || value === null ? undefined : parse(value);
}
