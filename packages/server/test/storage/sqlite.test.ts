import { temporaryFolder } from '@fleetward/testkit';
import { describe } from 'vitest';
import { openStorage } from '../../src/storage/index.ts';
import { describeStores } from './suite/suite.ts';

describe('stores on SQLite', () => {
  describeStores(async () => {
    const folder = temporaryFolder();
    const limits = { transactionMs: 2000, transactionsPendingMax: 100 };
    return {
      open: () => openStorage({ kind: 'sqlite', folder: folder.path, ...limits }),
      remove: async () => folder.remove(),
    };
  });
});
