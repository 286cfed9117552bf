import type { Config } from './config.ts';
import type { StorageConfig } from './storage/index.ts';
import type { MessageFileConfig } from './storage/messages/open.ts';

/** The settings `storage` and `storageLimits` in the terms of the storage layer. */
export function storageConfig({ folder, storage, storageLimits: limits }: Config): StorageConfig {
  const { statementsPendingMax, transactionsPendingMax, transactionTimeoutMs: transactionMs } = limits;
  const shared = { statementsPendingMax, transactionsPendingMax, transactionMs };
  if (storage.kind === 'postgres') {
    const { connectionsMax, connectTimeoutMs: connectMs, statementTimeoutMs: statementMs } = limits;
    return { ...storage, ...shared, connectionsMax, connectMs, statementMs };
  }
  const { readerThreads: readers, busyTimeoutMs, groupTransactionsMax, groupMs } = limits;
  return { kind: 'sqlite', folder, ...shared, readers, busyTimeoutMs, groupTransactionsMax, groupMs };
}

/** `messages.db`, which is in the folder whatever the records are kept in. */
export function messagesConfig({ folder, storageLimits: limits }: Config): MessageFileConfig {
  return { folder, busyTimeoutMs: limits.busyTimeoutMs, checkpointBytes: limits.messagesCheckpointBytes };
}
