import {
  type CertificateId,
  type GroupName,
  parseGroupName,
  parsePolicyName,
  parseThingName,
} from '@fleetward/core';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { issueDevice, openPlatform, type Platform, trailOf } from '../certificates/test-platform.ts';
import { allow } from '../policies/documents.ts';

const operator = { kind: 'operator', operatorId: 'ada' } as const;
const oven = parseThingName('oven');
const [ovens, hall, site] = ['ovens', 'hall', 'site'].map((name) => parseGroupName(name)) as [
  GroupName,
  GroupName,
  GroupName,
];
const policyName = parsePolicyName('baking');
const limits = { groupsMax: 12, levelsMax: 7, groupsPerThingMax: 2, policiesPerGroupMax: 1 };
let folder: TemporaryFolder;
let platform: Platform;
let certificateId: CertificateId;

beforeEach(async () => {
  folder = temporaryFolder();
  platform = await openPlatform({ folder: folder.path, groups: limits });
  certificateId = (await issueDevice(platform, 'oven')).record.certificateId;
  await platform.things.create({ name: oven }, operator);
  await platform.things.attachments.attach({ thingName: oven, certificateId, exclusive: false }, operator);
  await platform.groups.create({ name: site }, operator);
  await platform.groups.create({ name: hall, parentName: site }, operator);
  await platform.groups.create({ name: ovens, parentName: hall }, operator);
  platform.events.length = 0;
});

afterEach(async () => {
  await platform.close();
  folder.remove();
});

async function reopen(): Promise<void> {
  const { keys, clock } = platform;
  await platform.close();
  platform = await openPlatform({ folder: folder.path, keys, clock, groups: limits });
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error: { readonly code?: unknown }) => error.code,
  );

describe('a hierarchy', () => {
  test('gives a thing its groups and everything above them, nearest first, also after a restart', async () => {
    const other = parseGroupName('other');
    await platform.groups.create({ name: other, parentName: site }, operator);
    await platform.groups.memberships.add({ groupName: ovens, thingName: oven }, operator);
    await platform.groups.memberships.add({ groupName: other, thingName: oven }, operator);
    const lineage = ['ovens', 'hall', 'site', 'other'];
    expect(platform.groups.lineageOf([oven])).toEqual(lineage);
    expect(platform.groups.certificatesUnder(site)).toEqual([certificateId]);
    await reopen();
    expect(new Set(platform.groups.lineageOf([oven]))).toEqual(new Set(lineage));
    expect(platform.groups.counts).toEqual({ groups: 4, memberships: 2 });
  });

  test('is seven levels deep at most, whether it is made or moved together', async () => {
    let parentName = ovens;
    for (let level = 4; level <= 7; level++) {
      const name = parseGroupName(`level-${level}`);
      await platform.groups.create({ name, parentName }, operator);
      parentName = name;
    }
    const name = parseGroupName('level-8');
    expect(await codeOf(platform.groups.create({ name, parentName }, operator))).toBe('groups.limit');
    await platform.groups.create({ name }, operator);
    expect(await codeOf(platform.groups.move({ name: site, parentName: name }, operator))).toBe(
      'groups.limit',
    );
    await platform.groups.move({ name: ovens, parentName: name }, operator);
    expect(platform.groups.surroundings(parentName).ancestorNames.at(-1)).toBe('level-8');
  });

  test('never holds a cycle, even when two groups are moved under one another at once', async () => {
    expect(await codeOf(platform.groups.move({ name: site, parentName: site }, operator))).toBe(
      'groups.cycle',
    );
    expect(await codeOf(platform.groups.move({ name: site, parentName: ovens }, operator))).toBe(
      'groups.cycle',
    );
    const [a, b] = [parseGroupName('a'), parseGroupName('b')];
    await platform.groups.create({ name: a }, operator);
    await platform.groups.create({ name: b }, operator);
    const moves = [platform.groups.move({ name: a, parentName: b }, operator)];
    moves.push(platform.groups.move({ name: b, parentName: a }, operator));
    expect(await Promise.all(moves.map(codeOf))).toEqual(['done', 'groups.cycle']);
    await reopen();
    expect(platform.groups.surroundings(a).ancestorNames).toEqual(['b']);
    expect(platform.groups.surroundings(b).ancestorNames).toEqual([]);
  });

  test('is bounded in groups, and in the groups of a thing, which putting in again does not use up', async () => {
    for (let count = 3; count < 12; count++)
      await platform.groups.create({ name: parseGroupName(`g-${count}`) }, operator);
    expect(await codeOf(platform.groups.create({ name: parseGroupName('more') }, operator))).toBe(
      'groups.limit',
    );
    const add = (groupName: GroupName) =>
      platform.groups.memberships.add({ groupName, thingName: oven }, operator);
    const third = parseGroupName('g-3');
    const added = [add(site), add(hall), add(third), add(hall)];
    expect(await Promise.all(added.map(codeOf))).toEqual(['done', 'done', 'groups.limit', 'done']);
  });

  test('tells whose rights change: on membership and on a move, everybody under it', async () => {
    await platform.groups.memberships.add({ groupName: ovens, thingName: oven }, operator);
    await platform.groups.move({ name: hall }, operator);
    await platform.groups.memberships.remove({ groupName: ovens, thingName: oven }, operator);
    await platform.groups.move({ name: hall, parentName: site }, operator);
    const changed = (groupName: GroupName, certificateIds: readonly CertificateId[]) => ({
      kind: 'group-changed',
      groupName,
      certificateIds,
    });
    expect(platform.events).toEqual([
      changed(ovens, [certificateId]),
      changed(hall, [certificateId]),
      changed(ovens, [certificateId]),
      changed(hall, []),
    ]);
  });

  test('leaves each change in the trail, and nothing of a refused one', async () => {
    const before = (await trailOf(platform.trail)).length;
    await codeOf(platform.groups.create({ name: site }, operator));
    await codeOf(platform.groups.memberships.remove({ groupName: ovens, thingName: oven }, operator));
    await platform.groups.memberships.add({ groupName: ovens, thingName: oven }, operator);
    await platform.groups.memberships.remove({ groupName: ovens, thingName: oven }, operator);
    await platform.groups.move({ name: ovens, parentName: site }, operator);
    await platform.groups.remove(ovens, operator);
    expect((await trailOf(platform.trail)).slice(before)).toEqual([
      { kind: 'group.thing_added', payload: { groupName: 'ovens', thingName: 'oven' } },
      { kind: 'group.thing_removed', payload: { groupName: 'ovens', thingName: 'oven' } },
      { kind: 'group.moved', payload: { groupName: 'ovens', parentName: 'site' } },
      { kind: 'group.removed', payload: { groupName: 'ovens' } },
    ]);
  });
});

describe('a group', () => {
  test('is removed only when it holds no group, no thing and no policy', async () => {
    const removed = () => codeOf(platform.groups.remove(ovens, operator));
    expect(await codeOf(platform.groups.remove(hall, operator))).toBe('groups.not_empty');
    await platform.groups.memberships.add({ groupName: ovens, thingName: oven }, operator);
    expect(await removed()).toBe('groups.not_empty');
    await platform.groups.memberships.remove({ groupName: ovens, thingName: oven }, operator);
    await platform.policies.create({ name: policyName, document: allow('iot:Publish', '*') }, operator);
    await platform.policies.attachments.attachToGroup({ policyName, groupName: ovens }, operator);
    expect(await removed()).toBe('groups.not_empty');
    await platform.policies.attachments.detachFromGroup({ policyName, groupName: ovens }, operator);
    expect([await removed(), await removed()]).toEqual(['done', 'groups.not_found']);
  });

  test('that is removed while a thing is put in or a policy attached leaves neither dangling', async () => {
    await platform.policies.create({ name: policyName, document: allow('iot:Publish', '*') }, operator);
    const outcomes = await Promise.all(
      [
        platform.groups.memberships.add({ groupName: ovens, thingName: oven }, operator),
        platform.groups.remove(ovens, operator),
        platform.policies.attachments.attachToGroup({ policyName, groupName: ovens }, operator),
      ].map(codeOf),
    );
    expect(outcomes.filter((outcome) => outcome === 'done').length).toBeGreaterThan(0);
    const inMemory = [platform.groups.lineageOf([oven]), [...platform.policies.groupsOf(policyName)]];
    await reopen();
    expect([platform.groups.lineageOf([oven]), [...platform.policies.groupsOf(policyName)]]).toEqual(
      inMemory,
    );
    for (const name of platform.policies.groupsOf(policyName)) platform.groups.get(name);
  });

  test('loses a thing that is removed', async () => {
    await platform.groups.memberships.add({ groupName: ovens, thingName: oven }, operator);
    expect(await codeOf(platform.things.remove(oven, operator))).toBe('things.attached');
    await platform.things.attachments.detach({ thingName: oven, certificateId }, operator);
    await platform.things.remove(oven, operator);
    await platform.things.create({ name: oven }, operator);
    expect(platform.groups.lineageOf([oven])).toEqual([]);
    await reopen();
    expect(platform.groups.lineageOf([oven])).toEqual([]);
  });

  test('takes a thing that is being removed either before or not at all', async () => {
    await platform.things.attachments.detach({ thingName: oven, certificateId }, operator);
    const outcomes = [
      platform.things.remove(oven, operator),
      platform.groups.memberships.add({ groupName: ovens, thingName: oven }, operator),
    ];
    expect(await Promise.all(outcomes.map(codeOf))).toEqual(['done', 'things.not_found']);
    await reopen();
    expect(platform.groups.counts.memberships).toBe(0);
  });
});

describe('a policy on a group', () => {
  beforeEach(async () => {
    await platform.policies.create({ name: policyName, document: allow('iot:Publish', '*') }, operator);
    platform.events.length = 0;
  });

  test('comes through the groups, says through which, and is there after a restart', async () => {
    await platform.policies.attachments.attachToGroup({ policyName, groupName: site }, operator);
    const through = { name: policyName, via: 'group', groupName: 'site' };
    expect(platform.policies.ofGroups([ovens, hall, site])).toMatchObject([through]);
    await reopen();
    expect(platform.policies.ofGroups([ovens, hall, site])).toMatchObject([through]);
    await platform.policies.attachments.detachFromGroup({ policyName, groupName: site }, operator);
    expect(platform.policies.ofGroups([ovens, hall, site])).toEqual([]);
    expect(
      await codeOf(platform.policies.attachments.detachFromGroup({ policyName, groupName: site }, operator)),
    ).toBe('policies.not_attached');
  });

  test('is announced to everybody under the group: its attachment, a new version, its detachment', async () => {
    await platform.groups.memberships.add({ groupName: ovens, thingName: oven }, operator);
    platform.events.length = 0;
    await platform.policies.attachments.attachToGroup({ policyName, groupName: site }, operator);
    const version = { name: policyName, document: allow('iot:Receive', '*'), setAsDefault: true };
    await platform.policies.versions.create(version, operator);
    await platform.policies.attachments.detachFromGroup({ policyName, groupName: site }, operator);
    const event = { kind: 'policies-changed', policyName, certificateIds: [certificateId] };
    expect(platform.events).toEqual([event, event, event]);
  });

  test('keeps its policy from being removed, and there are only so many a group', async () => {
    await platform.policies.attachments.attachToGroup({ policyName, groupName: site }, operator);
    expect(await codeOf(platform.policies.remove(policyName, operator))).toBe('policies.attached');
    const second = parsePolicyName('second');
    await platform.policies.create({ name: second, document: allow('iot:Publish', '*') }, operator);
    const attached = platform.policies.attachments.attachToGroup(
      { policyName: second, groupName: site },
      operator,
    );
    expect(await codeOf(attached)).toBe('policies.attachment_limit');
    const nowhere = { policyName, groupName: parseGroupName('nowhere') };
    expect(await codeOf(platform.policies.attachments.attachToGroup(nowhere, operator))).toBe(
      'groups.not_found',
    );
  });
});
