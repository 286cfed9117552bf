import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { replaceDurably } from '@fleetward/core/durable-file';
import type { TrustedStore } from '@fleetward/updates';

/** What is trusted, a role a file, as the suite reads it: `root.json`, without a version. The time floor is no metadata. */
export function openMetadataFolder(folder: string): TrustedStore {
  const pathOf = (name: string) =>
    join(folder, name === 'time-floor' ? name : `${encodeURIComponent(name)}.json`);
  return {
    read: async (name) => (existsSync(pathOf(name)) ? readFileSync(pathOf(name)) : undefined),
    write: async (name, bytes) => replaceDurably(pathOf(name), bytes),
    remove: async (name) => rmSync(pathOf(name), { force: true }),
  };
}
