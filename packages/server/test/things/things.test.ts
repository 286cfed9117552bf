import { type CertificateId, parseCertificateId, parseThingName, type ThingName } from '@fleetward/core';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { issueDevice, openPlatform, type Platform, trailOf } from '../certificates/test-platform.ts';

const operator = { kind: 'operator', operatorId: 'ada' } as const;
const pump = parseThingName('pump');
const valve = parseThingName('valve');
let folder: TemporaryFolder;
let platform: Platform;
let certificateId: CertificateId;

beforeEach(async () => {
  folder = temporaryFolder();
  platform = await openPlatform({ folder: folder.path });
  certificateId = (await issueDevice(platform, 'pump')).record.certificateId;
  await platform.things.create({ name: pump, typeName: 'pump', attributes: { site: 'north' } }, operator);
  await platform.things.create({ name: valve }, operator);
  platform.events.length = 0;
});

afterEach(async () => {
  await platform.close();
  folder.remove();
});

async function reopen(): Promise<void> {
  const { keys, clock } = platform;
  await platform.close();
  platform = await openPlatform({ folder: folder.path, keys, clock });
}

describe('a thing', () => {
  test('is known in memory at once and after a restart', async () => {
    const thing = {
      name: pump,
      typeName: 'pump',
      attributes: { site: 'north' },
      tags: {},
      state: 'manufactured',
      createdAtMs: platform.clock.now(),
    };
    expect(platform.things.known(pump)).toEqual(thing);
    await reopen();
    expect(platform.things.known(pump)).toEqual(thing);
    expect((await platform.things.page({ limit: 10 })).map(({ name }) => name)).toEqual(['pump', 'valve']);
    expect((await platform.things.page({ after: pump, limit: 10 })).map(({ name }) => name)).toEqual([
      'valve',
    ]);
  });

  test('is provisioned once a certificate speaks for it, and in memory and in the trail what an operator says it is', async () => {
    const { things } = platform;
    await things.attachments.attach({ thingName: pump, certificateId, exclusive: false }, operator);
    expect(things.get(pump).state).toBe('provisioned');
    await things.states.change({ name: pump, to: 'quarantined', reason: 'smoke' }, operator);
    expect(things.shutOut(certificateId)?.name).toBe(pump);
    expect(platform.events.at(-1)).toEqual({
      kind: 'thing-shut-out',
      thingName: pump,
      certificateIds: [certificateId],
    });
    expect((await trailOf(platform.trail)).at(-1)).toEqual({
      kind: 'thing.state_changed',
      payload: { thingName: pump, from: 'provisioned', to: 'quarantined', reason: 'smoke' },
    });
    await things.update(pump, { tags: { ring: '2' } }, operator);
    await reopen();
    expect(platform.things.get(pump)).toMatchObject({ state: 'quarantined', tags: { ring: '2' } });
    await platform.things.states.change({ name: pump, to: 'active' }, operator);
    expect(platform.events).toMatchObject([{ kind: 'thing-let-in', certificateIds: [certificateId] }]);
    expect(platform.things.shutOut(certificateId)).toBeUndefined();
  });

  test('that is quarantined takes no certificate, and lets none go that would speak again', async () => {
    const { things, certificates } = platform;
    const pair = { thingName: pump, certificateId };
    await things.attachments.attach({ ...pair, exclusive: false }, operator);
    const other = (await issueDevice(platform, 'valve')).record.certificateId;
    await things.attachments.attach({ thingName: valve, certificateId: other, exclusive: false }, operator);
    await things.states.change({ name: pump, to: 'quarantined' }, operator);
    const refused = { code: 'things.state_refused' };
    const refusals = [
      () => things.attachments.attach({ thingName: pump, certificateId: other, exclusive: false }, operator),
      () => things.attachments.transfer({ certificateId: other, to: pump }, operator),
      () => things.attachments.transfer({ certificateId, to: valve }, operator),
      () => things.attachments.detach(pair, operator),
    ];
    for (const refusal of refusals) await expect(refusal()).rejects.toMatchObject(refused);
    await certificates.revoke({ certificateId, reason: 'keyCompromise' }, operator);
    await things.attachments.detach(pair, operator);
    expect(things.certificatesOf(pump)).toEqual([]);
  });

  test('cannot be created twice', async () => {
    await expect(platform.things.create({ name: pump }, operator)).rejects.toMatchObject({
      code: 'things.exists',
    });
  });

  test.for([
    ['a type name with a space', { typeName: 'a b' }],
    ['an attribute name with a space', { attributes: { 'a b': 'x' } }],
    ['a tag name with a space', { tags: { 'a b': 'x' } }],
    ['a tag value of 257 characters', { tags: { a: 'x'.repeat(257) } }],
    ['an attribute value with a line break', { attributes: { a: 'x\ny' } }],
    ['an attribute value of 801 characters', { attributes: { a: 'x'.repeat(801) } }],
    [
      '51 attributes',
      { attributes: Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`a${n}`, ''])) },
    ],
  ] as const)('is refused with %s, and nothing is kept', async ([, wrong]) => {
    const name = parseThingName('wrong');
    const before = await trailOf(platform.trail);
    await expect(platform.things.create({ name, ...wrong }, operator)).rejects.toMatchObject({
      code: 'things.invalid',
    });
    expect(platform.things.known(name)).toBeUndefined();
    expect(await trailOf(platform.trail)).toEqual(before);
  });

  test('keeps the newest report of its device, of at most 16 KiB', async () => {
    await platform.things.reports.save(pump, { protocol: 1 });
    await platform.things.reports.save(pump, { protocol: 2 });
    expect((await platform.things.reports.find(pump))?.report).toEqual({ protocol: 2 });
    const large = { text: 'x'.repeat(16_384) };
    await expect(platform.things.reports.save(pump, large)).rejects.toMatchObject({ code: 'things.invalid' });
    await expect(platform.things.reports.save(parseThingName('none'), {})).rejects.toMatchObject({
      code: 'things.not_found',
    });
  });
});

describe('an attachment', () => {
  test('is in memory, announced and in the trail with its commit, and there after a restart', async () => {
    const attachment = { thingName: pump, certificateId, exclusive: true };
    await platform.things.attachments.attach(attachment, operator);
    expect(platform.things.attachmentsOf(certificateId)).toEqual([attachment]);
    expect(platform.things.certificatesOf(pump)).toEqual([attachment]);
    expect(platform.events).toEqual([
      { kind: 'thing-attachments-changed', thingName: pump, certificateIds: [certificateId] },
    ]);
    expect((await trailOf(platform.trail)).at(-1)).toEqual({
      kind: 'thing.certificate_attached',
      payload: attachment,
    });
    await reopen();
    expect(platform.things.attachmentsOf(certificateId)).toEqual([attachment]);
  });

  test('ends with its detachment, once', async () => {
    await platform.things.attachments.attach({ thingName: pump, certificateId, exclusive: false }, operator);
    await platform.things.attachments.detach({ thingName: pump, certificateId }, operator);
    expect(platform.things.attachmentsOf(certificateId)).toEqual([]);
    expect(platform.things.certificatesOf(pump)).toEqual([]);
    await expect(
      platform.things.attachments.detach({ thingName: pump, certificateId }, operator),
    ).rejects.toMatchObject({
      code: 'things.not_attached',
    });
  });

  test('passes to another thing in one change, exclusive as it was, and is there after a restart', async () => {
    await platform.things.attachments.attach({ thingName: pump, certificateId, exclusive: true }, operator);
    const before = (await trailOf(platform.trail)).length;
    const attached = { thingName: valve, certificateId, exclusive: true };
    const outcome = await platform.things.attachments.transfer({ certificateId, to: valve }, operator);
    expect(outcome).toEqual({ ...attached, from: pump });
    expect(platform.events.at(-1)).toEqual({ kind: 'certificate-transferred', certificateId });
    expect((await trailOf(platform.trail)).slice(before)).toEqual([
      {
        kind: 'thing.certificate_transferred',
        payload: { certificateId, from: pump, to: valve, exclusive: true },
      },
    ]);
    await reopen();
    expect(platform.things.attachmentsOf(certificateId)).toEqual([attached]);
    expect(platform.things.certificatesOf(pump)).toEqual([]);
  });

  test('passes to no other thing where that is not clear, not there, or the certificate is revoked', async () => {
    const transfer = (to: ThingName, from?: ThingName) =>
      platform.things.attachments.transfer(
        { certificateId, to, ...(from === undefined ? {} : { from }) },
        operator,
      );
    await expect(transfer(valve)).rejects.toMatchObject({ code: 'things.not_attached' });
    for (const thingName of [pump, valve])
      await platform.things.attachments.attach({ thingName, certificateId, exclusive: false }, operator);
    const third = parseThingName('third');
    await platform.things.create({ name: third }, operator);
    await expect(transfer(third), 'from which').rejects.toMatchObject({ code: 'things.invalid' });
    await expect(transfer(valve, pump), 'it is there').rejects.toMatchObject({ code: 'things.invalid' });
    await expect(transfer(third, third)).rejects.toMatchObject({ code: 'things.not_attached' });
    await expect(transfer(parseThingName('none'))).rejects.toMatchObject({ code: 'things.not_found' });
    await transfer(third, pump);
    expect(new Set(platform.things.attachmentsOf(certificateId).map(({ thingName }) => thingName))).toEqual(
      new Set([valve, third]),
    );
    await platform.certificates.revoke({ certificateId, reason: 'keyCompromise' }, operator);
    await expect(transfer(pump, valve)).rejects.toMatchObject({ code: 'things.attachment_refused' });
  });

  test('to a second thing is refused beside an exclusive one, either way round', async () => {
    await platform.things.attachments.attach({ thingName: pump, certificateId, exclusive: true }, operator);
    const second = { thingName: valve, certificateId, exclusive: false };
    await expect(platform.things.attachments.attach(second, operator)).rejects.toMatchObject({
      code: 'things.attachment_refused',
    });
    await platform.things.attachments.attach({ thingName: pump, certificateId, exclusive: false }, operator);
    await platform.things.attachments.attach(second, operator);
    await expect(
      platform.things.attachments.attach({ ...second, exclusive: true }, operator),
    ).rejects.toMatchObject({
      code: 'things.attachment_refused',
    });
    expect(platform.things.attachmentsOf(certificateId)).toHaveLength(2);
  });

  test('of two exclusive ones that race, one wins', async () => {
    const outcomes = await Promise.allSettled(
      [pump, valve].map((thingName) =>
        platform.things.attachments.attach({ thingName, certificateId, exclusive: true }, operator),
      ),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(platform.things.attachmentsOf(certificateId)).toHaveLength(1);
  });

  test('needs a thing and a certificate that exist', async () => {
    const mistyped = parseCertificateId('0'.repeat(64));
    const unknown = { thingName: pump, certificateId: mistyped, exclusive: false };
    await expect(platform.things.attachments.attach(unknown, operator)).rejects.toMatchObject({
      code: 'things.certificate_unknown',
    });
    const noThing = { thingName: parseThingName('none'), certificateId, exclusive: false };
    await expect(platform.things.attachments.attach(noThing, operator)).rejects.toMatchObject({
      code: 'things.not_found',
    });
  });
});
