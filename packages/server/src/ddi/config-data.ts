import { storableText } from '../storable-text.ts';
import { type BodyLimits, invalid, objectAt, readObject, wordAt } from './read-object.ts';

export interface ConfigDataLimits extends BodyLimits {
  readonly attributesMax: number;
}

/** What a device says of itself, and how it goes together with what it said before. */
export interface ConfigData {
  readonly mode: 'merge' | 'replace' | 'remove';
  readonly data: Readonly<Record<string, string>>;
}

const modes = ['merge', 'replace', 'remove'] as const;
const nameCharactersMax = 128;
const valueCharactersMax = 256;

/** The body of `PUT configData`. Throws `ddi.invalid`. */
export function parseConfigData(body: Uint8Array, limits: ConfigDataLimits): ConfigData {
  const told = readObject(body, limits);
  const mode = told.mode == null ? 'merge' : wordAt(told, 'mode', { words: modes, path: 'mode' });
  const entries = Object.entries(objectAt(told, 'data'));
  if (entries.length > limits.attributesMax) throw tooMany(entries.length, limits);
  return { mode, data: Object.fromEntries(entries.map(([name, value]) => [nameOf(name), textOf(value)])) };
}

/** The attributes after it. Throws `ddi.invalid` when they are too many. */
export function withConfigData(
  before: Readonly<Record<string, string>>,
  { mode, data }: ConfigData,
  limits: ConfigDataLimits,
): Readonly<Record<string, string>> {
  const kept = Object.entries(mode === 'replace' ? {} : before).filter(
    ([name]) => mode !== 'remove' || !Object.hasOwn(data, name),
  );
  const after = { ...Object.fromEntries(kept), ...(mode === 'remove' ? {} : data) };
  const { length } = Object.keys(after);
  if (length > limits.attributesMax) throw tooMany(length, limits);
  return after;
}

function nameOf(name: string): string {
  if (name.length > 0 && name.length <= nameCharactersMax && !/[\p{Cc}\p{Cs}]/u.test(name)) return name;
  throw invalid(`a name in \`data\` is not 1 to ${nameCharactersMax} characters without control characters`);
}

function textOf(value: unknown): string {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')
    throw invalid('a value in `data` is no text, number or boolean');
  const text = String(value);
  if (text.length <= valueCharactersMax) return storableText(text.toWellFormed());
  throw invalid(`a value in \`data\` is longer than ${valueCharactersMax} characters`);
}

function tooMany(count: number, { attributesMax }: ConfigDataLimits) {
  return invalid(`${count} attributes; at most ${attributesMax} are kept (setting \`ddi.attributesMax\`)`);
}
