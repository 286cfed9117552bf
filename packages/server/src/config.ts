import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Value } from 'typebox/value';
import { parse as parseYaml } from 'yaml';
import { ConfigError } from './config-error.ts';
import { invalidSettings, whereSettingsAre } from './invalid-settings.ts';
import { type Config, settings } from './settings.ts';

export { ConfigError } from './config-error.ts';
export type { Config } from './settings.ts';

const environmentPrefix = 'FLEETWARD_';
const fileBytesMax = 256 * 1024;

/**
 * One validated, frozen configuration from a YAML file, the environment (`FLEETWARD_LISTENERS__MQTT__PORT=8883`: the path
 * in upper snake case, levels joined by two underscores) and overrides of the command line, later ones winning. An unknown
 * setting is an error: a mistyped limit must not be silently the default.
 */
export function loadConfig(sources: {
  readonly file?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly overrides?: object;
}): Config {
  const fromFile = sources.file === undefined ? {} : readYaml(sources.file);
  const fromEnvironment = readEnvironment(sources.environment ?? {});
  const fromCommandLine = sources.overrides ?? {};
  const merged = merge(merge(fromFile, fromEnvironment), fromCommandLine);
  // Convert works in place: the caller keeps its own.
  const config = Value.Default(settings, Value.Convert(settings, structuredClone(merged)));
  if (!Value.Check(settings, config)) {
    throw invalidSettings(config, [
      { name: 'the command line', values: fromCommandLine },
      { name: 'the environment', values: fromEnvironment },
      { name: `\`${sources.file}\``, values: fromFile },
    ]);
  }
  return deepFreeze({ ...config, folder: resolve(config.folder) });
}

function readYaml(file: string): object {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new ConfigError('config.unreadable', `cannot read the settings file \`${file}\``, { cause });
  }
  if (text.length > fileBytesMax)
    throw new ConfigError('config.invalid', `\`${file}\` is larger than ${fileBytesMax} bytes`);
  const value: unknown = parseDocument(file, text);
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value))
    throw new ConfigError(
      'config.invalid',
      `\`${file}\` must hold a mapping of settings to values; ${whereSettingsAre}`,
    );
  return value;
}

function parseDocument(file: string, text: string): unknown {
  try {
    return parseYaml(text, { maxAliasCount: 16 });
  } catch (cause) {
    throw new ConfigError(
      'config.invalid',
      `\`${file}\` is not YAML: ${(cause as Error).message.split('\n')[0]?.replace(/:$/, '')}`,
      { cause },
    );
  }
}

function readEnvironment(environment: Readonly<Record<string, string | undefined>>): object {
  let found: object = {};
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith(environmentPrefix) || value === undefined) continue;
    const path = name.slice(environmentPrefix.length).split('__').map(camelCase);
    if (!(path[0]! in settings.properties)) continue; // another program's variable
    if (path.length === 1 && path[0] === 'masterKey') continue; // the master key itself, not where it comes from
    found = merge(found, path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as object);
  }
  return found;
}

function camelCase(upperSnake: string): string {
  return upperSnake.toLowerCase().replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function merge(base: object, over: object): object {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const present = merged[key];
    merged[key] = isMapping(present) && isMapping(value) ? merge(present, value) : value;
  }
  return merged;
}

function isMapping(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}
