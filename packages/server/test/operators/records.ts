import { generateKeyPairSync } from 'node:crypto';
import { localSigner } from '@fleetward/keys';
import { FakeClock, seededRandom, type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { openStorage, type Storage } from '../../src/storage/index.ts';
import { createTrail, type Trail } from '../../src/trail/index.ts';

/** The real records on SQLite in a folder of their own, with a trail; only time and randomness are made up. */
export interface Records {
  readonly folder: TemporaryFolder;
  readonly storage: Storage;
  readonly trail: Trail;
  readonly trailPublicKey: Uint8Array;
  readonly clock: FakeClock;
  readonly random: ReturnType<typeof seededRandom>;
  /** Kinds of all trail entries in order. */
  kinds(): Promise<readonly string[]>;
  close(): Promise<void>;
}

export async function openRecords(): Promise<Records> {
  const folder = temporaryFolder();
  const clock = new FakeClock();
  const random = seededRandom(7);
  const storage = await openStorage({ kind: 'sqlite', folder: folder.path });
  const signer = localSigner(generateKeyPairSync('ed25519').privateKey, 'ed25519');
  const { transactor } = storage;
  const store = storage.stores.trail('node-1');
  const trail = createTrail({ store, node: 'node-1', clock, random, signer, transactor });
  return {
    folder,
    storage,
    trail,
    trailPublicKey: signer.publicKey,
    clock,
    random,
    kinds: async () => (await trail.page({ afterSeq: 0, limit: 100 })).map(({ entry }) => entry.kind),
    close: async () => {
      await trail.close();
      await storage.close();
      folder.remove();
    },
  };
}
