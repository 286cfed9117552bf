import { parseGroupName, parseThingName } from '@fleetward/core';
import { expect, test } from 'vitest';
import type { RenewalCampaign, RenewalMember } from '../../../src/renewals/store.ts';
import { certificateIdOf, type Opened } from './backend.ts';

export function describeRenewals(opened: () => Opened): void {
  const campaign = (campaignId: string, changes: Partial<RenewalCampaign> = {}): RenewalCampaign => ({
    campaignId,
    selection: { groupName: parseGroupName('lamps'), expiresBeforeMs: 9 },
    state: 'RUNNING',
    pace: { ratePerMinute: 7, fromMs: 3 },
    members: 2,
    createdAtMs: 5,
    createdBy: 'ada',
    ...changes,
  });
  const member = (name: string): RenewalMember => ({
    certificateId: certificateIdOf(name),
    thingName: parseThingName(name),
    state: 'WAITING',
  });
  const byId = (members: readonly RenewalMember[]) =>
    members.toSorted((a, b) => (a.certificateId < b.certificateId ? -1 : 1));

  test('a campaign comes back with its members, in more than one INSERT, and as it was changed', async () => {
    const { stores, transact } = opened();
    const members = Array.from({ length: 1_100 }, (_, index) => member(`many-${index}`));
    await transact((tx) => stores.renewals.add(tx, campaign('first'), members));
    expect((await stores.renewals.campaigns()).find((one) => one.campaignId === 'first')).toEqual(
      campaign('first'),
    );
    const page = await stores.renewals.members({ campaignId: 'first', limit: 1_000 });
    expect(page).toEqual(byId(members).slice(0, 1_000));
    const after = page.at(-1)!.certificateId;
    expect(await stores.renewals.members({ campaignId: 'first', after, limit: 1_000 })).toHaveLength(100);
    const changed = campaign('first', {
      state: 'CANCELLED',
      pace: { ratePerMinute: 7, fromMs: 8 },
      endedAtMs: 9,
    });
    await transact((tx) => stores.renewals.update(tx, changed));
    expect((await stores.renewals.campaigns()).find((one) => one.campaignId === 'first')).toEqual(changed);
    await transact((tx) => stores.renewals.remove(tx, 'first'));
    expect(await stores.renewals.members({ campaignId: 'first', limit: 10 })).toEqual([]);
  });

  test('a member that is done stays as it is, and members are counted by state', async () => {
    const { stores, transact } = opened();
    const members = ['x', 'y', 'z'].map(member);
    await transact((tx) => stores.renewals.add(tx, campaign('second'), members));
    const set = (name: string, state: RenewalMember['state'], atMs: number) =>
      transact((tx) =>
        stores.renewals.setMembers(tx, {
          campaignId: 'second',
          certificateIds: [certificateIdOf(name)],
          state,
          atMs,
        }),
      );
    await set('x', 'RENEWED', 1);
    await set('x', 'CALLED', 2);
    await set('y', 'CALLED', 3);
    expect(await stores.renewals.counts('second')).toEqual({ WAITING: 1, CALLED: 1, RENEWED: 1, GONE: 0 });
    expect(await stores.renewals.members({ campaignId: 'second', state: 'RENEWED', limit: 10 })).toEqual([
      { ...member('x'), state: 'RENEWED', atMs: 1 },
    ]);
  });
}
