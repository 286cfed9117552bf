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
    ...(paths.length === 0 ? {} : { weakKeys: parsed(paths.map((path) => read(resolve(folder, path)))) }),
    ...(experimental.mlDsa ? {} : { withoutMlDsa: true }),
  };
}

function parsed(lists: readonly Uint8Array[]): WeakKeys {
  try {
    return parseWeakKeys(lists);
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
