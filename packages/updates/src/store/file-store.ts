import { join } from 'node:path';
import { type FileLayer, makeFolder, nodeFileLayer } from './file-layer.ts';
import type { TrustedStore } from './trusted-store.ts';

/** A trusted store in a folder of its own, which is created when it is missing. */
export async function openFileStore(folder: string): Promise<TrustedStore> {
  await makeFolder(folder);
  return fileStoreOn(nodeFileLayer, folder);
}

/** The store's algorithm over any file layer: write beside, sync the file, rename over, sync the folder. */
export function fileStoreOn(files: FileLayer, folder: string): TrustedStore {
  const pathOf = (name: string) => join(folder, `${encodeURIComponent(name)}.trusted`);
  return {
    read: (name) => files.read(pathOf(name)),
    write: async (name, bytes) => {
      const beside = `${pathOf(name)}.new`;
      await files.write(beside, bytes);
      await files.syncFile(beside); // before the rename: a renamed file must never be found empty
      await files.rename(beside, pathOf(name));
      await files.syncFolder(folder);
    },
    remove: async (name) => {
      await files.remove(pathOf(name));
      await files.syncFolder(folder);
    },
  };
}
