import type { Config } from './config.ts';
import { lockFolder, openStorage, type Storage } from './storage/index.ts';
import { storageConfig } from './storage-config.ts';

/** Runs maintenance on the records while no other process can run on the folder. Throws `store.in_use`. */
export async function onStorageAlone<Result>(
  config: Config,
  work: (storage: Storage) => Promise<Result>,
): Promise<Result> {
  const lock = await lockFolder(config.folder);
  try {
    const storage = await openStorage(storageConfig(config));
    try {
      return await work(storage);
    } finally {
      await storage.close();
    }
  } finally {
    await lock.release();
  }
}
