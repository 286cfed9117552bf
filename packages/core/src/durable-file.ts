import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';

/** The ending of a file that is not finished; a crash may leave one, and nothing in it was acknowledged. */
export const unfinishedSuffix = '.unfinished';

/**
 * Writes a private file (mode 0600) that is there whole or not at all, also after a power cut: content synced, then linked
 * to its name, then the folder synced. Throws `EEXIST` when the name is taken: nothing is ever overwritten.
 */
export function createDurably(path: string, content: Uint8Array | string): void {
  const unfinished = writeUnfinished(path, content);
  try {
    linkSync(unfinished, path);
  } finally {
    rmSync(unfinished, { force: true });
  }
  syncFolder(dirname(path));
}

/** Same promise as `createDurably`, but takes the place of the file that is there: readers see the old or the new one. */
export function replaceDurably(path: string, content: Uint8Array | string): void {
  renameSync(writeUnfinished(path, content), path);
  syncFolder(dirname(path));
}

/**
 * Makes a private folder (mode 0700) and those above it where they are missing. What is in it is durable then, too: a process that was
 * killed may have named a file and not synced that, and whoever opens the folder acts by what it finds there.
 */
export function createFolderDurably(path: string): void {
  makeFolder(resolve(path));
  syncWhereReadable(path);
}

/** One level after the other, each durable before the next: only the last that a killed process made may not be. */
function makeFolder(path: string): void {
  const above = dirname(path);
  if (!existsSync(path)) {
    if (above !== path) makeFolder(above);
    mkdirSync(path, { recursive: true, mode: 0o700 });
  }
  syncWhereReadable(above);
}

/** What this user may not read, such as the folder above its own, another made and answers for. */
function syncWhereReadable(path: string): void {
  try {
    syncFolder(path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EACCES')) throw error;
  }
}

function writeUnfinished(path: string, content: Uint8Array | string): string {
  // The process id keeps two processes apart; what an earlier one with the same id left behind is worthless.
  const unfinished = `${path}.${process.pid}${unfinishedSuffix}`;
  rmSync(unfinished, { force: true });
  const file = openSync(unfinished, 'wx', 0o600);
  try {
    writeFileSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return unfinished;
}

/** Makes the content of a file durable; this user must be allowed to write it. */
export function syncFile(path: string): void {
  const file = openSync(path, 'r+');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Makes the entries of a folder durable: a created, renamed or removed file is so only after this. */
export function syncFolder(path: string): void {
  if (process.platform === 'win32') return; // A folder cannot be opened there; NTFS journals its entries.
  const folder = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
