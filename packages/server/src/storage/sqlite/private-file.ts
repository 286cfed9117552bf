import { chmodSync, closeSync, openSync } from 'node:fs';
import { createFolderDurably, syncFile, syncFolder } from '@fleetward/core/durable-file';

/** Makes the file (mode 0600) and its folder (0700) where they are missing, and takes the file from everybody else. */
export function createPrivateFile(folder: string, path: string): void {
  createFolderDurably(folder);
  closeSync(openSync(path, 'a', 0o600));
  chmodSync(path, 0o600);
  syncFolder(folder);
}

/**
 * Syncs the log of a database. A process that was killed may have written a commit and not synced it; SQLite takes it as committed, and
 * a power cut that came after what was answered by it would undo it.
 */
export function syncLog(databasePath: string): void {
  try {
    syncFile(`${databasePath}-wal`);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}
