// A program for the durability tests: `commit-entry.ts FOLDER SEED COUNT` commits random batches that follow from the seed,
// and prints `ack NUMBER` for each that the store said is durable.
import { writeSync } from 'node:fs';
import { openMessages } from '../../../src/storage/messages/open.ts';
import { randomBatches } from './random-batches.ts';

const [folder = '', seed = '0', count = '1', synchronous = 'FULL'] = process.argv.slice(2);
// A test limits the size of files: the write then fails as on a full disk, instead of the signal ending the process.
process.on('SIGXFSZ', () => undefined);
const store = await openMessages({ folder, synchronous: synchronous === 'OFF' ? 'OFF' : 'FULL' });
await store.load();
void store.lost.then(({ message }) => writeSync(1, `lost ${message}\n`));
let number = 0;
try {
  for (const batch of randomBatches(Number(seed)).take(Number(count))) {
    await store.commit(batch);
    writeSync(1, `ack ${++number}\n`);
  }
} finally {
  await store.close();
}
