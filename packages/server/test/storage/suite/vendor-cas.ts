import { expect, test } from 'vitest';
import type { RegistrationCode, VendorCaRecord } from '../../../src/vendor-cas/store.ts';
import { certificateIdOf, type Opened, outcomes, sha256Of } from './backend.ts';

export function describeVendorCas(opened: () => Opened): void {
  const vendorCa = (label: string, changes: Partial<VendorCaRecord> = {}): VendorCaRecord => ({
    certificateId: certificateIdOf(label),
    der: new Uint8Array([1, 2, 3]),
    publicKeyHash: sha256Of(`key of ${label}`),
    state: 'active',
    createdAtMs: 5,
    createdBy: 'ada',
    ...changes,
  });
  const add = (ca: VendorCaRecord) => opened().transact((tx) => opened().stores.vendorCas.add(tx, ca));

  test('a vendor CA comes back as it was stored, and its certificate and its key are there once', async () => {
    const { stores } = opened();
    const stored = vendorCa('acme', { templateName: 'lamps' });
    await add(stored);
    await expect(add(stored)).rejects.toMatchObject({ code: 'store.conflict' });
    const cross = vendorCa('acme by another root', { publicKeyHash: stored.publicKeyHash });
    await expect(add(cross)).rejects.toMatchObject({ code: 'store.conflict' });
    expect(await stores.vendorCas.all()).toEqual([stored]);
  });

  test('only an inactive vendor CA is deleted', async () => {
    const { stores, transact } = opened();
    const { certificateId } = vendorCa('bolt');
    await add(vendorCa('bolt'));
    const remove = () => transact((tx) => stores.vendorCas.remove(tx, certificateId));
    const set = (state: VendorCaRecord['state']) =>
      transact((tx) => stores.vendorCas.setState(tx, { certificateId, state }));
    expect(await remove()).toBe(false);
    expect([await set('inactive'), await set('inactive')]).toEqual([true, false]);
    expect([await remove(), await remove(), await set('active')]).toEqual([true, false, false]);
  });

  test('a code is taken once, of two that race by one, and not after its end', async () => {
    const { stores, transact } = opened();
    const code = (label: string, expiresAtMs: number): RegistrationCode => ({
      hash: sha256Of(label),
      createdAtMs: 1,
      expiresAtMs,
      createdBy: 'ada',
    });
    const codes = [code('one', 100), code('other', 100), code('old', 10)];
    await transact(async (tx) => {
      for (const each of codes) await stores.vendorCas.addCode(tx, each);
    });
    const take = (label: string, atMs: number) =>
      transact((tx) => stores.vendorCas.takeCode(tx, { hash: sha256Of(label), atMs }));
    expect((await outcomes([take('one', 50), take('one', 50)])).toSorted()).toEqual([false, true]);
    expect([await take('other', 100), await take('old', 50), await take('none', 1)]).toEqual([
      false,
      false,
      false,
    ]);
    expect([await stores.vendorCas.countCodes(99), await stores.vendorCas.countCodes(100)]).toEqual([1, 0]);
    expect(await transact((tx) => stores.vendorCas.removeEndedCodes(tx, 50))).toBe(1);
    expect(await transact((tx) => stores.vendorCas.removeEndedCodes(tx, 100))).toBe(0);
  });
}
