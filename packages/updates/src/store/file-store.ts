import { join } from 'node:path';
import { createFolderDurably } from '@fleetward/core/durable-file';
import { type FileLayer, nodeFileLayer, replaceFile } from './file-layer.ts';
import type { TrustedStore } from './trusted-store.ts';

/** A trusted store in a folder of its own, which is created when it is missing. */
export async function openFileStore(folder: string): Promise<TrustedStore> {
  createFolderDurably(folder);
  return fileStoreOn(nodeFileLayer, folder);
}

/** The store over any file layer. */
export function fileStoreOn(files: FileLayer, folder: string): TrustedStore {
  const pathOf = (name: string) => join(folder, `${encodeURIComponent(name)}.trusted`);
  return {
    read: (name) => files.read(pathOf(name)),
    write: (name, bytes) => replaceFile(files, pathOf(name), bytes),
    remove: async (name) => {
      await files.remove(pathOf(name));
      await files.syncFolder(folder);
    },
  };
}
