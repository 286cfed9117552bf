import { createMemoryStore, MemoryContents } from '@fleetward/mqtt';
import { temporaryFolder } from '@fleetward/testkit';
import { describe } from 'vitest';
import { openMessages } from '../../../src/storage/messages/open.ts';
import { describeMessageStore } from './suite.ts';

describe('a message store in memory', () => {
  describeMessageStore(async () => {
    const contents = new MemoryContents();
    return { open: async () => createMemoryStore(contents), remove: async () => undefined };
  });
});

describe('a message store on SQLite', () => {
  describeMessageStore(async () => {
    const folder = temporaryFolder();
    return { open: () => openMessages({ folder: folder.path }), remove: async () => folder.remove() };
  });
});
