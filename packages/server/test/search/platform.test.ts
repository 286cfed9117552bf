import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type JsonObject,
  parseGroupName,
  parsePolicyName,
  parseThingName,
  type ThingName,
} from '@fleetward/core';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { issueDevice, openPlatform, type Platform, trailOf } from '../certificates/test-platform.ts';

const dayMs = 86_400_000;
const operator = { kind: 'operator', operatorId: 'ada' } as const;
const reference = readFileSync(join(import.meta.dirname, '../../../../docs/reference/search.md'), 'utf8');
let folder: TemporaryFolder;
let platform: Platform;

beforeAll(async () => {
  folder = temporaryFolder();
  platform = await openPlatform({ folder: folder.path });
  for (const groupName of ['site-berlin', 'ovens', 'ovens-old'])
    await platform.groups.create({ name: parseGroupName(groupName) }, operator);
});

afterAll(async () => {
  await platform.close();
  folder.remove();
});

const visit = (thingName: ThingName, tlsVersion = 'TLSv1.2') => ({
  thingName,
  visit: {
    clientId: thingName,
    sessionIdentifier: 's',
    remoteAddress: '10.0.0.7',
    tlsVersion,
    cipher: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  },
});

const find = async (query: string) => (await platform.search.find({ query, limit: 100 })).names;

async function makeThing(
  name: string,
  more: {
    readonly typeName?: string;
    readonly attributes?: Readonly<Record<string, string>>;
    readonly tags?: Readonly<Record<string, string>>;
    readonly group?: string;
  } = {},
): Promise<ThingName> {
  const { group, ...facts } = more;
  const thingName = parseThingName(name);
  await platform.things.create({ name: thingName, ...facts }, operator);
  if (group !== undefined)
    await platform.groups.memberships.add({ groupName: parseGroupName(group), thingName }, operator);
  return thingName;
}

test('what operators and devices change is found at once, and again after a restart', async () => {
  const { things, groups } = platform;
  const oven = await makeThing('oven-1', { typeName: 'oven', group: 'ovens' });
  const { record } = await issueDevice(platform, 'oven-1');
  const { certificateId } = record;
  expect(await find('not cert.state:*')).toEqual([oven]);
  await things.attachments.attach({ thingName: oven, certificateId, exclusive: false }, operator);
  expect(await find('cert.state:active and cert.expiresIn>300d')).toEqual([oven]);
  await things.update(oven, { attributes: { site: 'hall' } }, operator);
  expect(await find('attribute.site:hall')).toEqual([oven]);
  await things.reports.save(oven, {
    protocolVersion: 3,
    installed: { version: '2.0.1', securityVersion: 1 },
  });
  expect(await find('firmware<2.1')).toEqual([oven]);
  // A group that is moved brings its things along.
  expect(await find('group:site-berlin')).toEqual([]);
  await groups.move({ name: parseGroupName('ovens'), parentName: parseGroupName('site-berlin') }, operator);
  expect(await find('group:site-berlin')).toEqual([oven]);
  const all = 'group:site-berlin and cert.state:active and attribute.site:hall and firmware:2.0.1';
  expect(await find(all)).toEqual([oven]);

  const { keys, clock } = platform;
  await platform.close();
  platform = await openPlatform({ folder: folder.path, keys, clock });
  expect(await find(all)).toEqual([oven]);

  const { things: again, certificates: reopened } = platform;
  await reopened.revoke({ certificateId, reason: 'keyCompromise' }, operator);
  expect(await find('cert.state:revoked')).toEqual([oven]);
  await again.attachments.detach({ thingName: oven, certificateId }, operator);
  expect(await find('not cert.state:*')).toEqual([oven]);
  await platform.groups.memberships.remove({ groupName: parseGroupName('ovens'), thingName: oven }, operator);
  expect(await find('not group:*')).toEqual([oven]);
  await again.remove(oven, operator);
  expect(await find('name:*')).toEqual([]);
});

test('a dynamic group has the things that match at the moment it is asked, and no place where a static one is needed', async () => {
  const { groups, things, trail } = platform;
  const low = parseGroupName('low');
  await groups.create({ name: low, query: 'battery<20', tags: { team: 'blue' } }, operator);
  const members = async () => [...(await groups.members(low))];
  const lamp = await makeThing('lamp-9');
  const battery = (batteryPercent: number) =>
    things.reports.save(lamp, { protocolVersion: 3, batteryPercent });
  expect(await members()).toEqual([]);
  await battery(12);
  expect(await members()).toEqual([lamp]);
  expect(await groups.things(low, { limit: 5 })).toEqual([lamp]);
  await groups.update(low, { query: 'battery<10', tags: { team: null, ring: '1' } }, operator);
  expect(await members()).toEqual([]);
  expect((await trailOf(trail)).at(-1)).toEqual({
    kind: 'group.updated',
    payload: { groupName: low, query: 'battery<10', tags: { ring: '1' } },
  });

  const ovens = parseGroupName('ovens');
  const refusals = [
    () => groups.memberships.add({ groupName: low, thingName: lamp }, operator),
    () => groups.memberships.remove({ groupName: low, thingName: lamp }, operator),
    () => groups.move({ name: low, parentName: ovens }, operator),
    () => groups.move({ name: ovens, parentName: low }, operator),
    () => groups.create({ name: parseGroupName('lower'), parentName: low }, operator),
    () => groups.create({ name: parseGroupName('lower'), parentName: ovens, query: 'type:a' }, operator),
    () =>
      platform.policies.attachments.attachToGroup(
        { policyName: parsePolicyName('any'), groupName: low },
        operator,
      ),
  ];
  for (const refusal of refusals) await expect(refusal()).rejects.toMatchObject({ code: 'groups.dynamic' });
  await expect(groups.update(ovens, { query: 'type:a' }, operator)).rejects.toMatchObject({
    code: 'groups.invalid',
  });
  for (const query of ['', 'colour:red'])
    await expect(groups.create({ name: parseGroupName('lower'), query }, operator)).rejects.toMatchObject({
      code: expect.stringMatching(/^search\.(query_invalid|field_unknown)$/),
    });

  const { keys, clock } = platform;
  await platform.close();
  platform = await openPlatform({ folder: folder.path, keys, clock });
  await platform.things.reports.save(lamp, { protocolVersion: 3, batteryPercent: 3 });
  expect([...(await platform.groups.members(low))]).toEqual([lamp]);
  await platform.groups.remove(low, operator);
  await platform.things.remove(lamp, operator);
});

test('a thing is connected while it has a connection, also while its device changes from one to another', async () => {
  const { presence } = platform;
  const lamp = await makeThing('lamp-1');
  const [first, second] = [{}, {}];
  expect(await find('connected:false')).toEqual([lamp]);
  presence.came(first, visit(lamp));
  presence.came(second, visit(lamp));
  presence.ended(first, 'DUPLICATE_CLIENTID');
  expect(await find('connected:true and disconnectReason:DUPLICATE_CLIENTID')).toEqual([lamp]);
  // Its certificate was given to another thing.
  const other = await makeThing('lamp-2');
  presence.speaksFor(second, other);
  expect(await find('connected:true and tls.version:TLSv1.2 and tls.cipher:*AES128*')).toEqual([other]);
  presence.ended(second, 'CONNECTION_LOST');
  platform.clock.advance(16 * 60_000);
  expect(await find('connected:false and connected.age>15m')).toEqual([lamp, other]);
  for (const name of [lamp, other]) await platform.things.remove(name, operator);
});

test('a thing that connects too often is found until that is over, also after a restart', async () => {
  const lamp = await makeThing('lamp-1');
  const connect = () => {
    const connection = {};
    platform.presence.came(connection, visit(lamp));
    platform.presence.ended(connection, 'CONNECTION_LOST');
  };
  connect();
  connect();
  expect(await find('flapping:true')).toEqual([]);
  platform.clock.advance(59_000);
  connect();
  expect(await find('flapping:true')).toEqual([lamp]);
  await platform.presence.flush();
  const { keys, clock } = platform;
  await platform.close();
  platform = await openPlatform({ folder: folder.path, keys, clock });
  expect(await find('flapping:true and disconnectReason:CONNECTION_LOST')).toEqual([lamp]);
  clock.advance(1_000);
  expect(await find('flapping:false and connected.age<2s')).toEqual([lamp]);
  expect(await platform.search.count({ by: 'flapping', limit: 9 })).toMatchObject({
    values: [{ value: 'false', count: 1 }],
  });
  await platform.things.remove(lamp, operator);
});

const report = (thingName: ThingName, state: JsonObject, shadowName = '') =>
  platform.shadows.update({ thingName, shadowName }, { kind: 'update', state: { reported: state } });

test('what a shadow says is found in the tick in which it is accepted, and again after a restart', async () => {
  const [lamp, pump] = [await makeThing('lamp-1'), await makeThing('pump-1')];
  await report(lamp, { fw: '2.9', mode: 7.5 });
  expect(await find('shadow.reported.fw<2.10')).toEqual([lamp]);
  await report(pump, { fw: '2.10', mode: '7.5' });
  await report(pump, { interval: 30 }, 'config');
  expect(await find('shadow.reported.fw<"2.10"')).toEqual([lamp]);
  expect(await find('shadow.name.config.reported.interval<=30')).toEqual([pump]);
  // A number is compared as one, a text as a version.
  expect(await find('shadow.reported.mode:7.5')).toEqual([lamp, pump]);
  expect(await find('shadow.reported.mode<7.10')).toEqual([pump]);

  const { keys, clock } = platform;
  await platform.close();
  platform = await openPlatform({ folder: folder.path, keys, clock });
  expect(await find('shadow.reported.fw<2.10')).toEqual([lamp]);
  expect(await find('shadow.name.config.reported.interval:30')).toEqual([pump]);
  await report(lamp, { fw: null as never });
  expect(await find('shadow.reported.fw:*')).toEqual([pump]);
  await platform.shadows.delete({ thingName: pump, shadowName: '' });
  expect(await find('shadow.reported.fw:*')).toEqual([]);
  await platform.things.remove(pump, operator);
  await makeThing('pump-1');
  expect(await find('shadow.name.config.reported.interval:*')).toEqual([]);
  for (const name of [lamp, pump]) await platform.things.remove(name, operator);
});

test('a dynamic group goes by what shadows say now', async () => {
  const { groups } = platform;
  const eco = parseGroupName('eco');
  await groups.create({ name: eco, query: 'shadow.reported.mode:eco' }, operator);
  const lamp = await makeThing('lamp-1');
  expect([...(await groups.members(eco))]).toEqual([]);
  await report(lamp, { mode: 'eco' });
  expect([...(await groups.members(eco))]).toEqual([lamp]);
  await report(lamp, { mode: 'full' });
  expect([...(await groups.members(eco))]).toEqual([]);
  await groups.remove(eco, operator);
  await platform.things.remove(lamp, operator);
});

const blocks = [...reference.matchAll(/```fleet-query\n([\s\S]*?)```/g)];
const documented = blocks.flatMap(([, text = '']) => text.trim().split('\n'));

test('the reference names every field there is', () => {
  const fields = [
    ...reference.matchAll(/^\| `([a-zA-Z.…]+)` +\| (?:text|version|number|time|one|`true)/gm),
  ].map(([, name]) => name!);
  const known = /there are (.*)$/.exec(
    ((): string => {
      try {
        platform.search.assertQuery('none:x');
        return '';
      } catch (error) {
        return (error as Error).message;
      }
    })(),
  );
  expect(fields.toSorted()).toEqual(
    [...known![1]!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!).toSorted(),
  );
});

test('each query of the reference finds some of a fleet, and not all of it', async () => {
  const { things, clock } = platform;
  const sendReport = (name: ThingName, more: object) =>
    things.reports.save(name, { protocolVersion: 3, ...more });
  const installed = (version: string) => ({ version, securityVersion: 1 });
  const makeCertified = async (name: string) => {
    const { record } = await issueDevice(platform, name);
    await things.attachments.attach(
      { thingName: parseThingName(name), certificateId: record.certificateId, exclusive: false },
      operator,
    );
    return record;
  };
  const old = await makeThing('old', { typeName: 'pump' });
  await sendReport(old, {
    agent: { version: '1.2' },
    update: { outcome: 'failed' },
    model: { product: 'pump', hardware: 'rev-b' },
  });
  await makeThing('oven-0001', { typeName: 'oven', group: 'ovens-old', attributes: { serial: 'SN-000042' } });
  await makeCertified('oven-0001');
  const { presence } = platform;
  presence.came({}, visit(old));
  const away = {};
  presence.came(away, visit(parseThingName('oven-0001')));
  presence.ended(away, 'CONNECTION_LOST');
  const silent = await makeThing('silent');
  await things.states.change({ name: silent, to: 'quarantined' }, operator);
  clock.advance(345 * dayMs);
  await sendReport(parseThingName('oven-0001'), { installed: installed('2.0.9') });
  const fresh = await makeThing('new', {
    tags: { ring: '1' },
    group: 'site-berlin',
    attributes: { site: 'berlin', floor: '3', label: 'left (door)' },
  });
  await sendReport(parseThingName('new'), { installed: installed('2.2.0'), batteryPercent: 12 });
  const { certificateId } = await makeCertified('new');
  await things.states.change({ name: fresh, to: 'active' }, operator);
  await report(parseThingName('oven-0001'), { fw: '2.0.9' });
  const both = { desired: { mode: 'eco' }, reported: { fw: '2.10', mode: 'full' } };
  await platform.shadows.update({ thingName: fresh, shadowName: '' }, { kind: 'update', state: both });
  await report(fresh, { interval: 90 }, 'config');
  for (const reason of ['CLIENT_ERROR', 'CLIENT_ERROR', 'THROTTLED'] as const) {
    const connection = {};
    presence.came(connection, visit(fresh, 'TLSv1.3'));
    presence.ended(connection, reason);
  }
  await platform.certificates.revoke({ certificateId, reason: 'keyCompromise' }, operator);
  expect(documented.length).toBeGreaterThan(15);
  for (const query of documented) {
    const found = await find(query);
    expect({ query, found: found.length > 0 && found.length < 4 }).toEqual({ query, found: true });
  }
});
