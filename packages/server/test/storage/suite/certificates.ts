import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { AuthorityRecord, CertificateRecord } from '../../../src/certificates/store.ts';
import { certificateIdOf, type Opened, outcomes, sha256Of } from './backend.ts';

export function describeCertificates(opened: () => Opened): void {
  const certificate = (label: string, changes: Partial<CertificateRecord> = {}): CertificateRecord => ({
    certificateId: certificateIdOf(label),
    serial: sha256Of(label).slice(0, 32),
    issuerId: certificateIdOf('issuer'),
    profile: 'device',
    der: new Uint8Array([0x30, 0x03, 0x00, 0xff, 0x80]),
    subject: 'CN=my_iot_device',
    state: 'ACTIVE',
    notBeforeMs: 1_700_000_000_000,
    notAfterMs: 253_402_300_799_000,
    issuedAtMs: 1_700_000_000_001,
    publicKeyHash: sha256Of(`key of ${label}`),
    ...changes,
  });
  const add = (record: CertificateRecord) =>
    opened().transact((tx) => opened().stores.certificates.add(tx, record));

  test('a certificate comes back byte by byte', async () => {
    const { certificates } = opened().stores;
    const record = certificate('plain', { profile: 'claim', renews: certificateIdOf('before') });
    await add(record);
    expect(await certificates.find(record.certificateId)).toEqual(record);
    expect(await certificates.findByPublicKey(record.publicKeyHash)).toEqual([record]);
    expect(await certificates.find(certificateIdOf('none'))).toBeUndefined();
  });

  test('when the CAs were last fetched with a certificate is kept, in its summary too', async () => {
    const { stores, transact } = opened();
    const record = certificate('fetches');
    const { certificateId } = record;
    await add(record);
    const none = certificateIdOf('fetches nothing');
    for (const fetch of [
      { certificateId, atMs: 1_700_000_000_002 },
      { certificateId, atMs: 1_700_000_000_003 },
      { certificateId: none, atMs: 1 },
    ])
      await transact((tx) => stores.certificates.setCasFetched(tx, fetch));
    const { der: _der, subject: _subject, ...summary } = { ...record, casFetchedAtMs: 1_700_000_000_003 };
    expect(await stores.certificates.find(certificateId)).toMatchObject(summary);
    expect(await stores.certificates.holdersOf([record.publicKeyHash])).toEqual([summary]);
    expect(await stores.certificates.find(none)).toBeUndefined();
  });

  test('an id and a serial of an issuer are given once', async () => {
    const record = certificate('unique');
    await add(record);
    const sameSerial = certificate('other', { serial: record.serial });
    const otherIssuer = { ...sameSerial, issuerId: certificateIdOf('another issuer') };
    expect(await outcomes([add(record)])).toEqual(['store.conflict']);
    expect(await outcomes([add(sameSerial)])).toEqual(['store.conflict']);
    expect(await outcomes([add(otherIssuer)])).toEqual([undefined]);
  });

  test('a state changes only from the one that is expected', async () => {
    const { stores, transact } = opened();
    const record = certificate('pending', { state: 'PENDING_ACTIVATION' });
    const { certificateId } = record;
    await add(record);
    const activate = () =>
      transact((tx) =>
        stores.certificates.setState(tx, { certificateId, from: 'PENDING_ACTIVATION', to: 'ACTIVE' }),
      );
    expect([await activate(), await activate()]).toEqual([true, false]);
    expect(await stores.certificates.find(certificateId)).toEqual({ ...record, state: 'ACTIVE' });
  });

  test('a state that is written again stays until the transaction ends, and a revocation waits for that', async () => {
    const { stores, transact } = opened();
    const { certificates } = stores;
    const { certificateId } = certificate('renews');
    await add(certificate('renews'));
    const done: string[] = [];
    let revoked: Promise<unknown> = Promise.resolve();
    await transact(async (tx) => {
      expect(await certificates.setState(tx, { certificateId, from: 'ACTIVE', to: 'ACTIVE' })).toBe(true);
      const revocation = { certificateId, atMs: 1, reason: 'keyCompromise' } as const;
      revoked = transact((other) => certificates.revoke(other, revocation)).then(() => done.push('revoked'));
      await delay(300); // long enough for a revocation that would not wait
      done.push('renewed');
    });
    await revoked;
    expect(done).toEqual(['renewed', 'revoked']);
    await transact(async (tx) => {
      expect(await certificates.setState(tx, { certificateId, from: 'ACTIVE', to: 'ACTIVE' })).toBe(false);
    });
  });

  test('many certificates are added together, or none of them', async () => {
    const { stores, transact } = opened();
    const many = Array.from({ length: 70 }, (_, at) => certificate(`together-${at}`));
    const addAll = (records: readonly CertificateRecord[]) =>
      transact((tx) => stores.certificates.addAll(tx, records));
    await addAll(many);
    for (const record of many) expect(await stores.certificates.find(record.certificateId)).toEqual(record);
    const fresh = certificate('together with a known one');
    expect(await outcomes([addAll([fresh, many[69]!])])).toEqual(['store.conflict']);
    expect(await stores.certificates.find(fresh.certificateId)).toBeUndefined();
    await addAll([]);
    const held = await stores.certificates.holdersOf(many.map(({ publicKeyHash }) => publicKeyHash));
    expect(new Set(held.map(({ certificateId }) => certificateId))).toEqual(
      new Set(many.map(({ certificateId }) => certificateId)),
    );
    expect(await stores.certificates.holdersOf([fresh.publicKeyHash])).toEqual([]);
  });

  test('a certificate is revoked once, with its time and reason', async () => {
    const { stores, transact } = opened();
    const issuerId = certificateIdOf('issuer of revoked');
    const record = certificate('revoked', { issuerId });
    await add(record);
    await add(certificate('kept', { issuerId }));
    const revoke = (atMs: number) =>
      transact((tx) =>
        stores.certificates.revoke(tx, {
          certificateId: record.certificateId,
          atMs,
          reason: 'keyCompromise',
        }),
      );
    expect([await revoke(8), await revoke(9)]).toEqual([true, false]);
    const { der: _, subject: __, ...summary } = record;
    const revoked = { ...summary, state: 'REVOKED', revokedAtMs: 8, revocationReason: 'keyCompromise' };
    expect(await stores.certificates.revoked(issuerId)).toEqual([revoked]);
  });

  test('what is deleted is neither found nor listed, and its key, serial number and revocation are still known', async () => {
    const { stores, transact } = opened();
    const record = certificate('deleted', { issuerId: certificateIdOf('issuer of deleted') });
    const { certificateId, issuerId, publicKeyHash } = record;
    await add(record);
    await transact((tx) => stores.certificates.revoke(tx, { certificateId, atMs: 8, reason: 'superseded' }));
    const mark = (atMs: number) =>
      transact((tx) => stores.certificates.markDeleted(tx, { certificateId, atMs }));
    expect([await mark(9), await mark(10)]).toEqual([true, false]);
    expect(await stores.certificates.find(certificateId)).toBeUndefined();
    const page = await stores.certificates.page({ limit: 1_000_000 });
    expect(page.some((one) => one.certificateId === certificateId)).toBe(false);
    expect(await stores.certificates.findByPublicKey(publicKeyHash)).toMatchObject([{ deletedAtMs: 9 }]);
    expect(await stores.certificates.revoked(issuerId)).toMatchObject([{ certificateId, deletedAtMs: 9 }]);
    const again = { ...record, certificateId: certificateIdOf('of the same serial number') };
    expect(await outcomes([add(again)])).toEqual(['store.conflict']);
  });

  test('what waits is deleted only while it does, and then is switched on by nobody and leaves its key', async () => {
    const { stores, transact } = opened();
    const { certificates } = stores;
    const [waiting, switchedOff] = (['deleted while it waits', 'switched off before'] as const).map((label) =>
      certificate(label, { state: 'PENDING_ACTIVATION', publicKeyHash: sha256Of('key that asks again') }),
    );
    for (const record of [waiting!, switchedOff!]) await add(record);
    const from = 'PENDING_ACTIVATION';
    const setState = ({ certificateId }: CertificateRecord, to: 'ACTIVE' | 'INACTIVE') =>
      transact((tx) => certificates.setState(tx, { certificateId, from, to }));
    const mark = ({ certificateId }: CertificateRecord) =>
      transact((tx) => certificates.markDeleted(tx, { certificateId, atMs: 9, from }));
    // In the order of a race: the change that came first is committed while the deletion waits for it.
    let deleted: Promise<unknown> = Promise.resolve();
    await transact(async (tx) => {
      const { certificateId } = switchedOff!;
      await certificates.setState(tx, { certificateId, from, to: 'INACTIVE' });
      deleted = mark(switchedOff!);
      await delay(100); // long enough for a deletion that would not wait
    });
    expect(await deleted).toBe(false);
    expect([await mark(waiting!), await setState(waiting!, 'ACTIVE')]).toEqual([true, false]);
    expect(await certificates.findByPublicKey(sha256Of('key that asks again'))).toEqual([
      { ...switchedOff!, state: 'INACTIVE' },
    ]);
  });

  test('a hold ends only by name, gives back the state from before it, and gives way to a revocation for ever', async () => {
    const { stores, transact } = opened();
    const record = certificate('held', { state: 'INACTIVE' });
    const { certificateId } = record;
    await add(record);
    const revoke = (atMs: number, reason: 'certificateHold' | 'keyCompromise') =>
      transact((tx) => stores.certificates.revoke(tx, { certificateId, atMs, reason }));
    const unhold = (heldAtMs: number) =>
      transact((tx) => stores.certificates.unhold(tx, { certificateId, heldAtMs }));
    expect([await revoke(8, 'certificateHold'), await revoke(9, 'certificateHold')]).toEqual([true, false]);
    expect([await unhold(7), await unhold(8), await unhold(8)]).toEqual([undefined, 'INACTIVE', undefined]);
    expect(await stores.certificates.find(certificateId)).toEqual(record);
    expect([await revoke(10, 'certificateHold'), await revoke(11, 'keyCompromise')]).toEqual([true, true]);
    expect([await revoke(12, 'certificateHold'), await unhold(12)]).toEqual([false, undefined]);
    const revoked = { ...record, state: 'REVOKED', revokedAtMs: 11, revocationReason: 'keyCompromise' };
    expect(await stores.certificates.find(certificateId)).toEqual(revoked);
  });

  test('summaries and pages walk every certificate by id', async () => {
    const { certificates } = opened().stores;
    for (let count = 0; count < 5; count++) await add(certificate(`walk-${count}`));
    const all = await certificates.summaries({ limit: 1_000_000 });
    const ids = all.filter((one) => one.deletedAtMs === undefined).map((one) => one.certificateId);
    expect(ids).toEqual([...ids].sort());
    expect(all[0]).not.toHaveProperty('der');
    const walked: string[] = [];
    for (let page = 0; page < ids.length; page += 2) {
      const after = ids[page - 1];
      const rows = await certificates.page({ limit: 2, ...(after === undefined ? {} : { after }) });
      walked.push(...rows.map((row) => row.certificateId));
    }
    expect(walked).toEqual(ids);
  });

  test('a page has those that every part of the filter is true of', async () => {
    const { certificates } = opened().stores;
    const issuerId = certificateIdOf('issuer of filtered');
    const one = certificate('filtered-1', { issuerId, notAfterMs: 10 });
    const two = certificate('filtered-2', { issuerId, notAfterMs: 20, state: 'INACTIVE', profile: 'claim' });
    await add(one);
    await add(two);
    const found = async (filter: Parameters<typeof certificates.page>[0]['filter']) =>
      (await certificates.page({ limit: 10, filter: { issuerId, ...filter } })).map(({ certificateId }) =>
        certificateId === one.certificateId ? 1 : 2,
      );
    expect((await found({})).sort()).toEqual([1, 2]);
    expect([await found({ state: 'ACTIVE' }), await found({ profile: 'claim' })]).toEqual([[1], [2]]);
    expect([await found({ endsBeforeMs: 20 }), await found({ endsFromMs: 20 })]).toEqual([[1], [2]]);
    const ids = [two.certificateId, certificateIdOf('none')];
    expect([await found({ certificateIds: ids }), await found({ certificateIds: [] })]).toEqual([[2], []]);
    expect(await found({ state: 'ACTIVE', profile: 'claim' })).toEqual([]);
  });

  test('authorities come back, change state, and are made once', async () => {
    const { stores, transact } = opened();
    const authority: AuthorityRecord = {
      certificateId: certificateIdOf('root'),
      kind: 'root',
      der: new Uint8Array([1, 2, 3]),
      keyName: 'root-ca',
      state: 'active',
      createdAtMs: 4,
    };
    const addAuthority = () => transact((tx) => stores.certificates.addAuthority(tx, authority));
    const retire = (certificateId = authority.certificateId) =>
      transact((tx) => stores.certificates.setAuthorityState(tx, { certificateId, state: 'retired' }));
    await addAuthority();
    expect(await outcomes([addAuthority()])).toEqual(['store.conflict']);
    await retire();
    expect(await stores.certificates.authorities()).toEqual([{ ...authority, state: 'retired' }]);
    expect(await outcomes([retire(certificateIdOf('none'))])).toEqual(['store.conflict']);
  });

  test('a CRL replaces only one with a lower number', async () => {
    const { stores, transact } = opened();
    const crl = (number: number) => ({
      issuerId: certificateIdOf('crl issuer'),
      number,
      der: new Uint8Array([number % 256]),
      thisUpdateMs: number,
      nextUpdateMs: number + 1,
    });
    const save = (number: number) => transact((tx) => stores.certificates.saveCrl(tx, crl(number)));
    await save(1_700_000_000);
    expect(await outcomes([save(1_700_000_000)])).toEqual(['store.conflict']);
    expect(await outcomes([save(1_699_999_999)])).toEqual(['store.conflict']);
    await save(1_700_000_001);
    expect(await stores.certificates.findCrl(crl(0).issuerId)).toEqual(crl(1_700_000_001));
    // As the thread that makes them gives them.
    const shared = new Uint8Array(new SharedArrayBuffer(100_000)).fill(7);
    await transact((tx) => stores.certificates.saveCrl(tx, { ...crl(1_700_000_002), der: shared }));
    const found = await stores.certificates.findCrl(crl(0).issuerId);
    expect(Buffer.compare(found?.der ?? new Uint8Array(), shared)).toBe(0);
    expect(await stores.certificates.findCrl(certificateIdOf('none'))).toBeUndefined();
  });
}
