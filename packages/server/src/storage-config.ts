import type { Config } from './config.ts';
import type { StorageConfig } from './storage/index.ts';

/** The setting `storage` in the terms of the storage layer. */
export function storageConfig(config: Config): StorageConfig {
  return config.storage.kind === 'sqlite'
    ? { kind: 'sqlite', folder: config.folder }
    : { kind: 'postgres', url: config.storage.url };
}
