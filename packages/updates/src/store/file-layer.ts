import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The file operations durability is made of; a fault-injecting one stands here in tests. Paths are absolute. */
export interface FileLayer {
  read(path: string): Promise<Uint8Array | undefined>;
  /** Creates or truncates; not durable yet. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Makes a file's content durable. */
  syncFile(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removing what is not there is no failure. */
  remove(path: string): Promise<void>;
  /** Makes a folder's entries (renames, removals) durable. */
  syncFolder(path: string): Promise<void>;
}

/** The real file system; files are readable by their owner only. */
export const nodeFileLayer: FileLayer = {
  read: readIfThere,
  write: async (path, bytes) => {
    await using file = await open(path, 'w', 0o600);
    await file.writeFile(bytes);
  },
  syncFile: sync,
  rename,
  remove: (path) => rm(path, { force: true }),
  syncFolder: sync,
};

/** Replaces a file whole and durably: write beside, sync the file, rename over, sync the folder. */
export async function replaceFile(files: FileLayer, path: string, bytes: Uint8Array): Promise<void> {
  const beside = `${path}.new`;
  await files.write(beside, bytes);
  await files.syncFile(beside); // before the rename: a renamed file must never be found empty
  await files.rename(beside, path);
  await files.syncFolder(dirname(path));
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function sync(path: string): Promise<void> {
  await using file = await open(path, 'r');
  await file.sync();
}
