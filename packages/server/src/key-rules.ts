import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { isAppError } from '@fleetward/core';
import { type KeyRules, parseWeakKeys, type WeakKeys } from '@fleetward/pki';
import type { Config } from './config.ts';
import { ConfigError } from './config-error.ts';

/** What this installation holds keys to, by its settings. Throws `ConfigError` for a list that cannot be read whole: without it weak keys would pass. */
export function keyRulesOf({
  folder,
  weakKeyBlacklist: paths,
  experimental,
}: Pick<Config, 'folder' | 'weakKeyBlacklist' | 'experimental'>): KeyRules {
  return {
    ...(paths.length === 0 ? {} : { weakKeys: readLists(folder, paths) }),
    ...(experimental.mlDsa ? {} : { withoutMlDsa: true }),
  };
}

function readLists(folder: string, paths: readonly string[]): WeakKeys {
  const lists = paths.map((path) => read(folder, path));
  const files = paths.map((path) => resolve(folder, path));
  try {
    return parseWeakKeys(lists, files);
  } catch (cause) {
    if (!isAppError(cause)) throw cause;
    throw new ConfigError('config.invalid', `\`weakKeyBlacklist\`: ${cause.message}`, { cause });
  }
}

function read(folder: string, path: string): Uint8Array {
  const file = resolve(folder, path);
  try {
    return readFileSync(file);
  } catch (cause) {
    const howMany = path.includes(',')
      ? `; several are written as a list, \`weakKeyBlacklist=${JSON.stringify(path.split(','))}\``
      : '';
    throw new ConfigError(
      'config.unreadable',
      `cannot read \`${file}\`, a list of weak keys (setting \`weakKeyBlacklist\`)${howMany}`,
      { cause },
    );
  }
}
