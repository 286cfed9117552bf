import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';

/** Makes the file (mode 0600) and its folder (0700) where they are missing, and takes the file from everybody else. */
export function createPrivateFile(folder: string, path: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  closeSync(openSync(path, 'a', 0o600));
  chmodSync(path, 0o600);
  const directory = openSync(folder, 'r');
  fsyncSync(directory);
  closeSync(directory);
}

/**
 * Syncs the log of a database. A process that was killed may have written a commit and not synced it; SQLite takes it as committed, and
 * a power cut that came after what was answered by it would undo it.
 */
export function syncLog(databasePath: string): void {
  const log = openIfThere(`${databasePath}-wal`);
  if (log === undefined) return;
  fsyncSync(log);
  closeSync(log);
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r+');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
