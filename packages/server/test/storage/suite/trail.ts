import { type TrailEntry, trailEntryHash, trailGenesis, trailPayloadHash } from '@fleetward/protocol';
import { expect, test } from 'vitest';
import type { TrailStore } from '../../../src/trail/store.ts';
import type { Opened } from './backend.ts';

const payload = { salt: '00'.repeat(16), payload: '{"a":1}' };

export function describeTrailStore(opened: () => Opened): void {
  const append = (store: TrailStore, node: string) =>
    opened().transact(async (tx) => {
      const head = await store.head(tx);
      const entry: TrailEntry = {
        node,
        seq: (head?.seq ?? 0) + 1,
        prev: head?.hash ?? trailGenesis(node),
        at: 1_700_000_000_000,
        kind: 'thing.created',
        payloadHash: trailPayloadHash(payload.salt, payload.payload),
      };
      await store.append(tx, entry, payload);
      return entry;
    });

  test('the head is the newest entry, and a chain is its node’s alone', async () => {
    const { stores, transact } = opened();
    const [one, two] = [stores.trail('one'), stores.trail('two')];
    expect(await transact((tx) => one.head(tx))).toBeUndefined();
    const first = await append(one, 'one');
    await append(two, 'two');
    expect(await transact((tx) => one.head(tx))).toEqual({ seq: 1, hash: trailEntryHash(first) });
    expect(await one.newest()).toEqual(first);
    expect(await stores.trail('three').newest()).toBeUndefined();
  });

  test('racing writers make one chain without a gap', async () => {
    const store = opened().stores.trail('race');
    await Promise.all(Array.from({ length: 30 }, () => append(store, 'race')));
    const rows = await store.page({ afterSeq: 0, limit: 100 });
    expect(rows.map((row) => row.entry.seq)).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
    for (const [index, { entry }] of rows.entries()) {
      const before = rows[index - 1];
      expect(entry.prev).toBe(before === undefined ? trailGenesis('race') : trailEntryHash(before.entry));
    }
  });

  test('an erased payload is gone, its entry is not', async () => {
    const { stores, transact } = opened();
    const store = stores.trail('erase');
    await append(store, 'erase');
    await append(store, 'erase');
    await transact((tx) => store.erasePayload(tx, 1));
    const rows = await store.page({ afterSeq: 0, limit: 10 });
    expect(rows.map((row) => row.payload)).toEqual([undefined, payload]);
  });

  test('pages continue after a sequence number and are bounded', async () => {
    const store = opened().stores.trail('pages');
    for (let count = 0; count < 5; count++) await append(store, 'pages');
    const rows = await store.page({ afterSeq: 2, limit: 2 });
    expect(rows.map((row) => row.entry.seq)).toEqual([3, 4]);
    await expect(store.page({ afterSeq: 0, limit: 0 })).rejects.toThrow(RangeError);
  });

  test('a checkpoint is kept once for an entry', async () => {
    const { stores, transact } = opened();
    const store = stores.trail('checks');
    const entry = await append(store, 'checks');
    const checkpoint = { node: 'checks', seq: 1, hash: trailEntryHash(entry), at: 5, signature: 'AA==' };
    await transact((tx) => store.addCheckpoint(tx, checkpoint));
    await transact((tx) => store.addCheckpoint(tx, { ...checkpoint, at: 6 }));
    expect(await store.checkpoints({ afterSeq: 0, limit: 10 })).toEqual([checkpoint]);
    expect(await store.checkpoints({ afterSeq: 1, limit: 10 })).toEqual([]);
  });
}
