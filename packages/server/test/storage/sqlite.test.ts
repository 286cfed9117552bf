import { temporaryFolder } from '@fleetward/testkit';
import { describe } from 'vitest';
import { openStorage } from '../../src/storage/index.ts';
import { describeStores } from './suite/suite.ts';

describe('stores on SQLite', () => {
  describeStores(async () => {
    const folder = temporaryFolder();
    const storage = await openStorage({
      kind: 'sqlite',
      folder: folder.path,
      transactionMs: 2000,
      transactionsPendingMax: 100,
    });
    const remove = async () => {
      await storage.close();
      folder.remove();
    };
    return { storage, remove };
  });
});
