import { expect, test } from 'vitest';
import type { EndorsementRecord } from '../../../src/endorsements/store.ts';
import { type Opened, outcomes, sha256Of } from './backend.ts';

export function describeEndorsements(opened: () => Opened): void {
  const of = (label: string, der?: Uint8Array): EndorsementRecord => {
    const common = { endorsementId: sha256Of(label), createdAtMs: 5, createdBy: 'ada' };
    return der === undefined ? { ...common, kind: 'key' } : { ...common, kind: 'root', der };
  };
  const add = (record: EndorsementRecord) =>
    opened().transact((tx) => opened().stores.endorsements.add(tx, record));

  test('an endorsement comes back as it was stored, and is there once', async () => {
    const { stores } = opened();
    const [key, root] = [of('key'), of('root', new Uint8Array([1, 2, 3]))];
    await add(key);
    await add(root);
    await expect(add({ ...key, createdBy: 'bob' })).rejects.toMatchObject({ code: 'store.conflict' });
    expect(await stores.endorsements.find(key.endorsementId)).toEqual(key);
    expect(await stores.endorsements.find(root.endorsementId)).toEqual(root);
    expect(await stores.endorsements.find(sha256Of('none'))).toBeUndefined();
    expect(await stores.endorsements.roots()).toEqual([root]);
  });

  test('they are listed by id, a page at a time', async () => {
    const { stores } = opened();
    for (const label of ['a', 'b', 'c']) await add(of(label));
    const all = await stores.endorsements.page({ limit: 100 });
    const ids = all.map(({ endorsementId }) => endorsementId);
    expect(ids).toEqual(ids.toSorted());
    const [first, second] = all;
    expect(await stores.endorsements.page({ limit: 1 })).toEqual([first]);
    expect(await stores.endorsements.page({ after: first!.endorsementId, limit: 1 })).toEqual([second]);
  });

  test('one is removed once, of two that race by one', async () => {
    const { stores, transact } = opened();
    await add(of('gone'));
    const remove = () => transact((tx) => stores.endorsements.remove(tx, sha256Of('gone')));
    expect((await outcomes([remove(), remove()])).toSorted()).toEqual([false, true]);
    expect(await stores.endorsements.find(sha256Of('gone'))).toBeUndefined();
  });
}
