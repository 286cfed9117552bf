import { type CertificateId, parseGroupName, parseThingName } from '@fleetward/core';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RenewalSelection } from '../../src/renewals/store.ts';
import { issueDevice, openPlatform, type Platform, trailOf } from '../certificates/test-platform.ts';

const operator = { kind: 'operator', operatorId: 'ada' } as const;
const minuteMs = 60_000;
const dayMs = 86_400_000;

let folder: TemporaryFolder;
let platform: Platform;

beforeEach(async () => {
  folder = temporaryFolder();
  platform = await openPlatform({ folder: folder.path });
});

afterEach(async () => {
  await platform.close();
  folder.remove();
});

async function reopen(): Promise<void> {
  const same = { folder: folder.path, keys: platform.keys, clock: platform.clock };
  await platform.close();
  platform = await openPlatform(same);
}

/** A thing with a certificate of its own. */
async function newThing(name: string): Promise<CertificateId> {
  const thingName = parseThingName(name);
  if (platform.things.known(thingName) === undefined)
    await platform.things.create({ name: thingName, attributes: {} }, operator);
  const { record } = await issueDevice(platform, name);
  const { certificateId } = record;
  await platform.things.attachments.attach({ thingName, certificateId, exclusive: false }, operator);
  return certificateId;
}

function start(selection: RenewalSelection, ratePerMinute = 2) {
  return platform.renewals.start({ selection, ratePerMinute }, operator);
}

const called = (ids: readonly CertificateId[]) => ids.filter((id) => platform.renewals.isCalled(id)).length;

describe('a renewal campaign', () => {
  test('lets go of certificates whose CA was removed, and begins with none of them', async () => {
    const id = await newThing('a');
    const issuerId = platform.certificates.summary(id)!.issuerId;
    const { campaignId } = await start({ issuerId });
    await platform.renewals.advance();
    expect(called([id])).toBe(1);
    await platform.certificates.setAuthorityState({ certificateId: issuerId, state: 'removed' }, operator);
    await platform.renewals.advance();
    expect(called([id])).toBe(0);
    expect(await platform.renewals.get(campaignId)).toMatchObject({
      state: 'COMPLETED',
      counts: { GONE: 1 },
    });
    await expect(start({ issuerId })).rejects.toThrow(/no thing has an active certificate that matches/);
  });

  test('calls as many devices a minute as it may, over a restart too, and is complete when all renewed', async () => {
    const ids = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(newThing));
    const { campaignId } = await start({});
    expect(called(ids)).toBe(0);
    await platform.renewals.advance();
    expect(called(ids)).toBe(1);
    platform.clock.advance(minuteMs);
    await platform.renewals.advance();
    expect(called(ids)).toBe(3);
    await reopen();
    expect(called(ids)).toBe(3);
    platform.clock.advance(dayMs);
    await platform.renewals.advance();
    expect(called(ids)).toBe(5);
    await platform.storage.transactor.transact(async (tx) => {
      for (const id of ids.slice(1)) await platform.renewals.renewedWithin(tx, id);
    });
    expect((await platform.renewals.get(campaignId)).counts).toEqual({
      WAITING: 0,
      CALLED: 1,
      RENEWED: 4,
      GONE: 0,
    });
    expect(called(ids)).toBe(1);
    await platform.certificates.revoke({ certificateId: ids[0]!, reason: 'keyCompromise' }, operator);
    await platform.renewals.advance();
    const done = await platform.renewals.get(campaignId);
    expect([done.state, done.counts.GONE, done.endedAtMs]).toEqual(['COMPLETED', 1, platform.clock.now()]);
    expect((await trailOf(platform.trail)).filter(({ kind }) => kind.startsWith('renewal.'))).toMatchObject([
      { kind: 'renewal.started', payload: { campaignId, members: 5, ratePerMinute: 2 } },
      { kind: 'renewal.state_changed', payload: { campaignId, state: 'COMPLETED' } },
    ]);
  });

  test('that is paused tells nobody, and goes on without a burst; one that is cancelled is over', async () => {
    const ids = await Promise.all(['a', 'b', 'c', 'd'].map(newThing));
    const { campaignId } = await start({}, 1);
    await platform.renewals.advance();
    await platform.renewals.change({ campaignId, event: 'pause' }, operator);
    platform.clock.advance(dayMs);
    await platform.renewals.advance();
    expect(called(ids)).toBe(0);
    await reopen();
    expect(called(ids)).toBe(0);
    await platform.renewals.change({ campaignId, event: 'resume' }, operator);
    await platform.renewals.advance();
    expect(called(ids)).toBe(2);
    await platform.renewals.change({ campaignId, event: 'cancel' }, operator);
    expect(called(ids)).toBe(0);
    await expect(platform.renewals.change({ campaignId, event: 'resume' }, operator)).rejects.toMatchObject({
      code: 'renewals.state',
    });
  });

  test('asks for the newest active certificate of each thing, of the group, issuer and time that were given', async () => {
    const old = await newThing('a');
    platform.clock.advance(dayMs);
    const newer = await newThing('a');
    const other = await newThing('b');
    const groupName = parseGroupName('lamps');
    await platform.groups.create({ name: groupName }, operator);
    await platform.groups.memberships.add({ groupName, thingName: parseThingName('a') }, operator);
    const idsOf = async (selection: RenewalSelection) => {
      const { campaignId } = await start(selection);
      const members = await platform.renewals.members({ campaignId, limit: 10 });
      await platform.renewals.change({ campaignId, event: 'cancel' }, operator);
      return members.map(({ certificateId }) => certificateId);
    };
    expect(await idsOf({ groupName })).toEqual([newer]);
    expect(await idsOf({})).toEqual([newer, other].toSorted());
    const { issuerId, notAfterMs } = platform.certificates.summary(newer)!;
    expect(await idsOf({ issuerId })).toHaveLength(2);
    for (const selection of [
      { issuerId: old },
      { profile: 'tpm-device' },
      { expiresBeforeMs: notAfterMs },
    ] as const)
      await expect(start(selection)).rejects.toMatchObject({ code: 'renewals.empty' });
  });

  test('is bounded in members and in number, and the oldest that are over are forgotten', async () => {
    await newThing('a');
    const first = await start({});
    platform.clock.advance(1_000);
    await start({});
    await expect(start({})).rejects.toMatchObject({ code: 'renewals.limit' });
    for (let more = 0; more < 4; more++) {
      platform.clock.advance(1_000);
      const [newest] = await platform.renewals.list();
      await platform.renewals.change({ campaignId: newest!.campaignId, event: 'cancel' }, operator);
      await start({});
    }
    const kept = await platform.renewals.list();
    expect(kept.filter(({ endedAtMs }) => endedAtMs !== undefined).length).toBeLessThanOrEqual(3);
    expect(kept.map(({ campaignId }) => campaignId)).toContain(first.campaignId);
  });

  test('does not call a device that renews in that very moment', async () => {
    const id = await newThing('a');
    const { campaignId } = await start({});
    await Promise.all([
      platform.renewals.advance(),
      platform.storage.transactor.transact((tx) => platform.renewals.renewedWithin(tx, id)),
    ]);
    await platform.renewals.advance();
    expect(platform.renewals.isCalled(id)).toBe(false);
    expect((await platform.renewals.get(campaignId)).counts.RENEWED).toBe(1);
  });
});

test('a certificate on hold is not gone: it may be let in again, and renew then', async () => {
  const id = await newThing('a');
  const { campaignId } = await start({});
  await platform.certificates.revoke({ certificateId: id, reason: 'certificateHold' }, operator);
  await platform.renewals.advance();
  const { state, counts } = await platform.renewals.get(campaignId);
  expect([state, counts.GONE]).toEqual(['RUNNING', 0]);
});

test('nobody is called who is no member', async () => {
  const [member, other] = [await newThing('a'), await newThing('b')];
  const groupName = parseGroupName('lamps');
  await platform.groups.create({ name: groupName }, operator);
  await platform.groups.memberships.add({ groupName, thingName: parseThingName('a') }, operator);
  await start({ groupName });
  await platform.renewals.advance();
  expect([platform.renewals.isCalled(member), platform.renewals.isCalled(other)]).toEqual([true, false]);
});
