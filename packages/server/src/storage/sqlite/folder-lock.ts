import { join } from 'node:path';
import { isAppError } from '@fleetward/core';
import { StoreError } from '../../store-error.ts';
import { createPrivateFile } from './private-file.ts';
import { WorkerClient } from './worker-client.ts';

/** A folder that this process has for itself. */
export interface FolderLock {
  /** Resolves when the lock was lost with the thread that held it. */
  readonly lost: Promise<StoreError>;
  release(): Promise<void>;
}

/**
 * Takes the folder for this process alone, until `release` or the end of the process, kill -9 included: SQLite's lock on a
 * file of its own is one of the operating system. Throws `store.in_use` at once when another process has it.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const path = join(folder, 'process.lock');
  createPrivateFile(folder, path);
  try {
    const holder = await WorkerClient.open(
      { path, role: 'lock', busyTimeoutMs: 0 },
      { statementsPendingMax: 1 },
    );
    return { lost: holder.lost, release: () => holder.close() };
  } catch (cause) {
    if (!isAppError(cause) || cause.code !== 'store.busy') throw cause;
    const message = `another process runs on the folder \`${folder}\`: stop it first, or choose another folder`;
    throw new StoreError('store.in_use', message, { cause, details: { folder } });
  }
}
