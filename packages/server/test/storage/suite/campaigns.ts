import { parseGroupName, parseThingName } from '@fleetward/core';
import { expect, test } from 'vitest';
import type { Action, Campaign } from '../../../src/campaigns/store.ts';
import { type Opened, sha256Of } from './backend.ts';

export function describeCampaigns(opened: () => Opened): void {
  const campaign = (campaignId: string, changes: Partial<Campaign> = {}): Campaign => ({
    campaignId,
    name: 'spring',
    release: {
      path: 'pump-2.0.0.bin',
      sha256: sha256Of('2.0.0'),
      lengthBytes: 7,
      component: 'firmware',
      product: 'pump',
      version: '2.0.0',
      hardware: ['rev-b'],
    },
    target: { groupName: parseGroupName('lamps'), attributes: { region: 'eu' }, isContinuous: true },
    terms: {
      stages: [{ share: { kind: 'percent', percent: 100 }, successPercentMin: 95 }],
      rate: { baseRatePerMinute: 1, incrementFactor: 1.5, maximumPerMinute: 9 },
      abort: [{ failure: 'ALL', executedMin: 10, percent: 5 }],
      prerequisites: { fromVersions: ['1.0.0'], attributes: {}, batteryPercentMin: 30 },
      retry: { retriesMax: 1, firstDelayMs: 2, delayMaxMs: 3 },
      timeOutMs: 4,
    },
    needsApproval: true,
    startAtMs: 6,
    state: 'PROPOSED',
    stage: 0,
    pacedFromMs: 3,
    createdAtMs: 5,
    createdBy: 'ada',
    ...changes,
  });
  const action = (actionId: number, campaignId: string, changes: Partial<Action> = {}): Action => ({
    actionId,
    campaignId,
    thingName: parseThingName(`thing-${actionId}`),
    state: 'SCHEDULED',
    sinceMs: 1,
    attempts: 0,
    ...changes,
  });
  const find = async (campaignId: string) =>
    (await opened().stores.campaigns.campaigns()).find((one) => one.campaignId === campaignId);

  test('a campaign comes back as it was added, and as it was changed', async () => {
    const { stores, transact } = opened();
    await transact((tx) => stores.campaigns.add(tx, campaign('first')));
    expect(await find('first')).toEqual(campaign('first'));
    const changed = campaign('first', {
      state: 'HALTED',
      stage: 2,
      pacedFromMs: 8,
      because: { cause: 'abort', explanation: 'too many' },
      approvedBy: 'bob',
      startedAtMs: 6,
      endedAtMs: 9,
    });
    await transact((tx) => stores.campaigns.update(tx, changed));
    expect(await find('first')).toEqual(changed);
  });

  test('actions are added and changed by their number, in more than one statement, and read in pages', async () => {
    const { stores, transact } = opened();
    await transact((tx) => stores.campaigns.add(tx, campaign('many')));
    const actions = Array.from({ length: 1_100 }, (_, at) => action(10_000 + at, 'many'));
    await transact((tx) => stores.campaigns.saveActions(tx, actions));
    const page = await stores.campaigns.actions({ campaignId: 'many', limit: 1_000 });
    expect(page).toEqual(actions.slice(0, 1_000));
    const after = page.at(-1)!.actionId;
    expect(await stores.campaigns.actions({ campaignId: 'many', after, limit: 1_000 })).toHaveLength(100);
    const changed = action(10_007, 'many', {
      state: 'FAILED',
      sinceMs: 8,
      stage: 1,
      attempts: 2,
      offeredAtMs: 7,
      notBeforeMs: 9,
      fromVersion: '1.0.0',
      fromSha256: sha256Of('1.0.0'),
      cause: 'unreachable',
      explanation: 'it is',
    });
    await transact((tx) => stores.campaigns.saveActions(tx, [changed]));
    expect(await stores.campaigns.action(10_007)).toEqual(changed);
    expect(await stores.campaigns.action(1)).toBeUndefined();
    expect(await stores.campaigns.actions({ campaignId: 'many', state: 'FAILED', limit: 9 })).toEqual([
      changed,
    ]);
    expect(await stores.campaigns.lastActionId()).toBe(11_099);
    expect((await stores.campaigns.counts('many')).toSorted((a, b) => a.count - b.count)).toEqual([
      { stage: 1, state: 'FAILED', cause: 'unreachable', count: 1 },
      { stage: undefined, state: 'SCHEDULED', cause: undefined, count: 1_099 },
    ]);
  });

  test('a thing is once in a campaign', async () => {
    const { stores, transact } = opened();
    await transact((tx) => stores.campaigns.add(tx, campaign('twice')));
    const twice = [1, 2].map((id) => action(id, 'twice', { thingName: parseThingName('same') }));
    await expect(transact((tx) => stores.campaigns.saveActions(tx, twice))).rejects.toMatchObject({
      code: 'store.conflict',
    });
  });

  test('what things ran before is counted, the most frequent first', async () => {
    const { stores, transact } = opened();
    await transact((tx) => stores.campaigns.add(tx, campaign('before')));
    const from = (actionId: number, fromVersion: string) =>
      action(actionId, 'before', { fromVersion, fromSha256: sha256Of(fromVersion) });
    const actions = [from(21, '1.0.0'), from(22, '1.1.0'), from(23, '1.1.0'), action(24, 'before')];
    await transact((tx) => stores.campaigns.saveActions(tx, actions));
    expect(await stores.campaigns.previous('before')).toEqual([
      { version: '1.1.0', sha256: sha256Of('1.1.0'), things: 2 },
      { version: '1.0.0', sha256: sha256Of('1.0.0'), things: 1 },
    ]);
  });

  test('a campaign is removed piece by piece, and goes with its last action', async () => {
    const { stores, transact } = opened();
    await transact((tx) => stores.campaigns.add(tx, campaign('old')));
    await transact((tx) =>
      stores.campaigns.saveActions(
        tx,
        [31, 32, 33].map((id) => action(id, 'old')),
      ),
    );
    const part = { campaignId: 'old', actionsMax: 2 };
    expect(await transact((tx) => stores.campaigns.remove(tx, part))).toBe(false);
    expect(await stores.campaigns.actions({ campaignId: 'old', limit: 9 })).toHaveLength(1);
    expect(await find('old')).toBeDefined();
    expect(await transact((tx) => stores.campaigns.remove(tx, part))).toBe(true);
    expect(await find('old')).toBeUndefined();
  });
}
