import { parseThingName } from '@fleetward/core';
import { expect, test } from 'vitest';
import { certificateIdOf, type Opened, outcomes } from './backend.ts';

export function describeThings(opened: () => Opened): void {
  const thing = (name: string) => ({
    name: parseThingName(name),
    attributes: {},
    tags: {},
    state: 'manufactured' as const,
    createdAtMs: 1,
  });

  test('a thing comes back as it was stored', async () => {
    const { stores, transact } = opened();
    const full = {
      ...thing('full'),
      typeName: 'pump',
      attributes: { site: 'Zürich', 'a"b': '\\' },
      tags: { team: 'blue' },
    };
    await transact(async (tx) => {
      await stores.things.add(tx, full);
      await stores.things.add(tx, thing('bare'));
    });
    expect(await stores.things.find(full.name)).toEqual(full);
    expect(await stores.things.find(parseThingName('bare'))).toEqual(thing('bare'));
    expect(await stores.things.find(parseThingName('none'))).toBeUndefined();
  });

  test('a name is given once', async () => {
    const { stores, transact } = opened();
    const add = () => transact((tx) => stores.things.add(tx, thing('once'))).then(() => 'added');
    expect([...(await outcomes([add(), add()]))].sort()).toEqual(['added', 'store.conflict']);
  });

  test('type and attributes are replaced whole, and only of a thing that is there', async () => {
    const { stores, transact } = opened();
    const before = { ...thing('changed'), typeName: 'pump', attributes: { site: 'hall', floor: '2' } };
    const after = { ...thing('changed'), attributes: { site: 'yard' } };
    await transact((tx) => stores.things.add(tx, before));
    expect(await transact((tx) => stores.things.update(tx, after))).toBe(true);
    expect(await stores.things.find(before.name)).toEqual(after);
    expect(await transact((tx) => stores.things.update(tx, thing('none-such')))).toBe(false);
  });

  test('a state is changed only from the one that it is thought to be in', async () => {
    const { stores, transact } = opened();
    await transact((tx) => stores.things.add(tx, thing('staged')));
    const name = parseThingName('staged');
    const set = (from: 'manufactured' | 'active', to: 'active' | 'retired') =>
      transact((tx) => stores.things.setState(tx, { name, from, to }));
    expect(await set('active', 'retired')).toBe(false);
    expect(await set('manufactured', 'active')).toBe(true);
    expect(await stores.things.find(name)).toMatchObject({ state: 'active' });
  });

  test('many things are added in one go, or none of them', async () => {
    const { stores, transact } = opened();
    const many = Array.from({ length: 70 }, (_, at) => thing(`bulk-${at}`));
    await transact((tx) => stores.things.addAll(tx, many));
    expect(await stores.things.find(parseThingName('bulk-69'))).toEqual(many[69]);
    const again = transact((tx) => stores.things.addAll(tx, [thing('bulk-new'), thing('bulk-3')]));
    expect(await outcomes([again])).toEqual(['store.conflict']);
    expect(await stores.things.find(parseThingName('bulk-new'))).toBeUndefined();
  });

  test('a thing is removed with its report, once, and not while a certificate is attached', async () => {
    const { stores, transact } = opened();
    const name = parseThingName('removed');
    const pair = { thingName: name, certificateId: certificateIdOf('of removed') };
    const remove = () => transact((tx) => stores.things.remove(tx, name));
    await transact(async (tx) => {
      await stores.things.add(tx, thing('removed'));
      await stores.things.saveReport(tx, { thingName: name, receivedAtMs: 1, report: {} });
      await stores.things.attach(tx, { ...pair, exclusive: false });
    });
    expect(await outcomes([remove()])).toEqual(['store.conflict']);
    expect(await stores.things.findReport(name)).toBeDefined();
    await transact((tx) => stores.things.detach(tx, pair));
    expect([await remove(), await remove()]).toEqual([true, false]);
    expect(await stores.things.findReport(name)).toBeUndefined();
  });

  test('pages are in byte order of the names, each name once', async () => {
    const { stores, transact } = opened();
    const names = ['p-b', 'p-A', 'p-_', 'p-a', 'p-B', 'p-:', 'p-0'].map((name) => parseThingName(name));
    await transact(async (tx) => {
      for (const name of names) await stores.things.add(tx, thing(name));
    });
    const seen: string[] = [];
    let after = parseThingName('p-');
    for (let page = 0; page < 5; page++) {
      const rows = await stores.things.page({ after, limit: 2 });
      seen.push(...rows.map((row) => row.name).filter((name) => name.startsWith('p-')));
      after = rows.at(-1)?.name ?? after;
    }
    expect(seen).toEqual([...names].sort((a, b) => (a < b ? -1 : 1)));
    await expect(stores.things.page({ limit: 1.5 })).rejects.toThrow(RangeError);
  });

  test('attaching is idempotent, takes the newest mode, and detaching says whether there was something', async () => {
    const { stores, transact } = opened();
    const name = parseThingName('attached');
    const pair = { thingName: name, certificateId: certificateIdOf('attached') };
    await transact(async (tx) => {
      await stores.things.add(tx, thing(name));
      await stores.things.attach(tx, { ...pair, exclusive: false });
      await stores.things.attach(tx, { ...pair, exclusive: true });
    });
    expect(await stores.things.attachments()).toEqual([{ ...pair, exclusive: true }]);
    expect(await transact((tx) => stores.things.detach(tx, pair))).toBe(true);
    expect(await transact((tx) => stores.things.detach(tx, pair))).toBe(false);
  });

  test('what was detached is remembered once, also when the thing is gone', async () => {
    const { stores, transact } = opened();
    const name = parseThingName('remembered');
    const pair = { thingName: name, certificateId: certificateIdOf('of remembered') };
    await transact((tx) => stores.things.add(tx, thing(name)));
    for (let times = 0; times < 2; times++) {
      await transact((tx) => stores.things.attach(tx, { ...pair, exclusive: false }));
      await transact((tx) => stores.things.detach(tx, pair));
    }
    await transact((tx) => stores.things.remove(tx, name));
    const past = await stores.things.pastAttachments();
    expect(past.filter(({ thingName }) => thingName === name)).toEqual([pair]);
  });

  test('every attachment is listed, however many pages they fill', async () => {
    const { stores, transact } = opened();
    const names = Array.from({ length: 30 }, (_, index) => parseThingName(`many-${index}`));
    for (const name of names) {
      await transact(async (tx) => {
        await stores.things.add(tx, thing(name));
        for (let count = 0; count < 70; count++) {
          const certificateId = certificateIdOf(`${name}/${count}`);
          await stores.things.attach(tx, { thingName: name, certificateId, exclusive: false });
        }
      });
    }
    const attachments = await stores.things.attachments();
    expect(attachments).toHaveLength(30 * 70);
    expect(new Set(attachments.map((one) => one.certificateId)).size).toBe(30 * 70);
  });

  test('a certificate cannot be attached to a thing that does not exist', async () => {
    const { stores, transact } = opened();
    const attachment = {
      thingName: parseThingName('ghost'),
      certificateId: certificateIdOf('ghost'),
      exclusive: false,
    };
    const attached = transact((tx) => stores.things.attach(tx, attachment));
    expect(await outcomes([attached])).toEqual(['store.conflict']);
  });

  test('the newest report of a thing is kept', async () => {
    const { stores, transact } = opened();
    const name = parseThingName('reporter');
    const report = (receivedAtMs: number) => ({
      thingName: name,
      receivedAtMs,
      report: { protocol: 1, versions: ['1.0', '\u0000'] },
    });
    await transact(async (tx) => {
      await stores.things.add(tx, thing(name));
      await stores.things.saveReport(tx, report(5));
    });
    await transact((tx) => stores.things.saveReport(tx, report(6)));
    expect(await stores.things.findReport(name)).toEqual(report(6));
    expect(await stores.things.reports({ after: parseThingName('reporte'), limit: 1 })).toEqual([report(6)]);
    expect(await stores.things.reports({ after: parseThingName('reporterz'), limit: 9 })).toEqual([]);
    expect(await stores.things.findReport(parseThingName('silent'))).toBeUndefined();
  });
}
