// A program for the durability tests: `acknowledge.ts FOLDER PREFIX WRITERS COUNT` writes transactions of two things and a
// trail entry each, and prints `ack NUMBER NAME` for each one that the storage said is done. Only their number ends a group.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { parseThingName } from '@fleetward/core';
import { localSigner } from '@fleetward/keys';
import { openStorage } from '../../src/storage/index.ts';
import { createTrail } from '../../src/trail/index.ts';

const [folder = '', prefix = '', writers = '1', count = '1'] = process.argv.slice(2);
const { stores, transactor, close } = await openStorage({
  kind: 'sqlite',
  folder,
  readers: 1,
  groupMs: 60_000,
});
const trail = createTrail({
  store: stores.trail('node-1'),
  node: 'node-1',
  clock: { now: Date.now },
  random: { bytes: (length) => randomBytes(length) },
  signer: localSigner(generateKeyPairSync('ed25519').privateKey, 'ed25519'),
  transactor,
});

let started = 0;
let acknowledged = 0;
await Promise.all(Array.from({ length: Number(writers) }, writeOn));
await close();

async function writeOn(): Promise<void> {
  while (started < Number(count)) {
    const name = `${prefix}-${++started}`;
    await writePair(name);
    writeSync(1, `ack ${++acknowledged} ${name}\n`);
  }
}

function writePair(name: string): Promise<void> {
  return transactor.transact(async (tx) => {
    for (const half of ['a', 'b']) {
      const thing = {
        name: parseThingName(`${name}-${half}`),
        attributes: {},
        tags: {},
        state: 'manufactured' as const,
        createdAtMs: 1,
      };
      await stores.things.add(tx, thing);
    }
    await trail.append(tx, { kind: 'thing.created', actor: { kind: 'system' }, payload: { name } });
  });
}
