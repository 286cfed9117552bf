import { expect, test } from 'vitest';
import { certificateIdOf, type Opened, outcomes, sha256Of } from './backend.ts';

export function describeIssuanceLog(opened: () => Opened): void {
  const [one, two, three] = ['one', 'two', 'three'].map(certificateIdOf) as [never, never, never];

  test('what waits is given the longest first, and waits no more once it has its entry', async () => {
    const { stores, transact } = opened();
    const { issuanceLog } = stores;
    expect(await issuanceLog.waiting()).toEqual({ count: 0 });
    await transact((tx) => issuanceLog.pend(tx, { certificateIds: [two], sinceMs: 2 }));
    await transact((tx) => issuanceLog.pend(tx, { certificateIds: [one], sinceMs: 1 }));
    expect(await issuanceLog.waiting()).toEqual({ count: 2, sinceMs: 1 });
    await transact(async (tx) => {
      expect(await issuanceLog.lockSize(tx)).toBe(0);
      expect(await issuanceLog.pending(tx, 1)).toEqual([{ sinceMs: 1, certificateId: one }]);
      await issuanceLog.append(tx, [{ index: 0, at: 5, certificateId: one }], { waitedSinceMs: 1 });
    });
    expect(await transact((tx) => issuanceLog.lockSize(tx))).toBe(1);
    expect(await issuanceLog.size()).toBe(1);
    expect(await transact((tx) => issuanceLog.pending(tx, 10))).toEqual([{ sinceMs: 2, certificateId: two }]);
    expect(await issuanceLog.find(one)).toEqual({ index: 0, at: 5, certificateId: one });
    expect(await issuanceLog.find(three)).toBeUndefined();
  });

  test('what has an entry is told from what waits for one and from what does neither only by the last', async () => {
    const { stores } = opened();
    expect([...(await stores.issuanceLog.logged([one, two, three]))].toSorted()).toEqual(
      [one, two].toSorted(),
    );
    const many = Array.from({ length: 450 }, (_, at) => certificateIdOf(`nobody-${at}`));
    expect([...(await stores.issuanceLog.logged([...many, one]))]).toEqual([one]);
    expect((await stores.issuanceLog.logged([])).size).toBe(0);
  });

  test('an index or a certificate has one entry', async () => {
    const { stores, transact } = opened();
    const append = (index: number, certificateId: typeof one) =>
      transact((tx) =>
        stores.issuanceLog.append(tx, [{ index, at: 5, certificateId }], { waitedSinceMs: 1 }),
      );
    expect(await outcomes([append(0, three)])).toEqual(['store.conflict']);
    expect(await outcomes([append(7, one)])).toEqual(['store.conflict']);
  });

  test('racing writers get their places one after the other', async () => {
    const { stores, transact } = opened();
    const { issuanceLog } = stores;
    const start = await issuanceLog.size();
    const append = (label: string) =>
      transact(async (tx) => {
        const index = await issuanceLog.lockSize(tx);
        const entry = { index, at: 6, certificateId: certificateIdOf(label) };
        await issuanceLog.append(tx, [entry], { waitedSinceMs: 1 });
      });
    await Promise.all(Array.from({ length: 20 }, (_, place) => append(`race-${place}`)));
    const entries = await issuanceLog.entries({ from: start, limit: 100 });
    expect(entries.map(({ index }) => index)).toEqual(
      Array.from({ length: 20 }, (_, place) => start + place),
    );
  });

  test('nodes are read by level and place, inside of the transaction that made them too', async () => {
    const { stores, transact } = opened();
    const { issuanceLog } = stores;
    const hashes = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte));
    await transact(async (tx) => {
      const nodes = hashes.map((hash, position) => ({ level: 8, position, hash }));
      await issuanceLog.addNodes(tx, [...nodes, { level: 16, position: 0, hash: hashes[0]! }]);
      expect(await issuanceLog.nodes({ level: 8, from: 0, count: 2 }, tx)).toHaveLength(2);
    });
    const read = await issuanceLog.nodes({ level: 8, from: 1, count: 2 });
    expect(read.map((hash) => [...hash])).toEqual(hashes.slice(1).map((hash) => [...hash]));
  });

  test('the newest head is the one over most entries, and one of the same size takes its place', async () => {
    const { stores, transact } = opened();
    const { issuanceLog } = stores;
    expect(await issuanceLog.newestHead()).toBeUndefined();
    const head = { size: 3, rootHash: sha256Of('root'), at: 5, signature: 'AA==' };
    await transact((tx) => issuanceLog.saveHead(tx, head));
    await transact((tx) => issuanceLog.saveHead(tx, { ...head, size: 2 }));
    expect(await issuanceLog.newestHead()).toEqual(head);
    await transact((tx) => issuanceLog.saveHead(tx, { ...head, at: 6 }));
    expect(await issuanceLog.newestHead()).toEqual({ ...head, at: 6 });
  });
}
