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
  const files = paths.map((path) => resolve(folder, path));
  return {
    ...(files.length === 0 ? {} : { weakKeys: readLists(files) }),
    ...(experimental.mlDsa ? {} : { withoutMlDsa: true }),
  };
}

function readLists(files: readonly string[]): WeakKeys {
  const lists = files.map(read);
  try {
    return parseWeakKeys(lists, files);
  } catch (cause) {
    if (!isAppError(cause)) throw cause;
    throw new ConfigError('config.invalid', `\`weakKeyBlacklist\`: ${cause.message}`, { cause });
  }
}

function read(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new ConfigError(
      'config.unreadable',
      `cannot read \`${path}\`, a list of weak keys (setting \`weakKeyBlacklist\`)`,
      { cause },
    );
  }
}
