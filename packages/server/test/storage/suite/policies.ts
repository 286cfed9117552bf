import { type PolicyName, parseGroupName, parsePolicyName } from '@fleetward/core';
import { expect, test } from 'vitest';
import type { PolicyTrial } from '../../../src/policies/store.ts';
import { certificateIdOf, type Opened, outcomes } from './backend.ts';

export function describePolicies(opened: () => Opened): void {
  const named = (name: string) => parsePolicyName(name);
  const version = (name: PolicyName, versionId: number) => ({
    name,
    versionId,
    document: `{"Version":"2012-10-17","n":${versionId}}`,
    createdAtMs: versionId,
  });
  const add = (name: PolicyName) =>
    opened().transact((tx) =>
      opened().stores.policies.add(tx, { name, defaultVersionId: 1, createdAtMs: 1 }, version(name, 1)),
    );

  test('a policy comes with its first version, and a name is given once', async () => {
    const { policies } = opened().stores;
    const name = named('telemetry');
    await add(name);
    expect(await policies.find(name)).toEqual({ name, defaultVersionId: 1, createdAtMs: 1 });
    expect(await policies.versions(name)).toEqual([version(name, 1)]);
    expect(await outcomes([add(name)])).toEqual(['store.conflict']);
    expect((await policies.list()).map((policy) => policy.name)).toContain(name);
  });

  test('a version id is never given out twice, though it was removed or is raced for', async () => {
    const { stores, transact } = opened();
    const name = named('versions');
    await add(name);
    const next = () =>
      transact(async (tx) => {
        const versionId = (await stores.policies.lastVersionId(tx, name)) + 1;
        await stores.policies.addVersion(tx, version(name, versionId));
        return versionId;
      });
    const given = await Promise.all([next(), next(), next()]);
    expect([...given].sort()).toEqual([2, 3, 4]);
    const remove = () => transact((tx) => stores.policies.removeVersion(tx, { name, versionId: 4 }));
    expect([await remove(), await remove()]).toEqual([true, false]);
    expect(await next()).toBe(5);
    expect(await transact((tx) => stores.policies.lastVersionId(tx, named('none')))).toBe(0);
  });

  test('only a version that exists becomes the default', async () => {
    const { stores, transact } = opened();
    const name = named('default');
    await add(name);
    const choose = (versionId: number) =>
      transact((tx) => stores.policies.setDefaultVersion(tx, { name, versionId }));
    expect(await outcomes([choose(2)])).toEqual(['store.conflict']);
    await transact((tx) => stores.policies.addVersion(tx, version(name, 2)));
    await choose(2);
    expect((await stores.policies.find(name))?.defaultVersionId).toBe(2);
  });

  test('attaching is idempotent and detaching says whether there was something', async () => {
    const { stores, transact } = opened();
    const name = named('attached');
    await add(name);
    const attachment = { policyName: name, certificateId: certificateIdOf('c') };
    await transact(async (tx) => {
      await stores.policies.attach(tx, attachment);
      await stores.policies.attach(tx, attachment);
    });
    expect(await stores.policies.attachments()).toEqual([attachment]);
    expect(await transact((tx) => stores.policies.detach(tx, attachment))).toBe(true);
    expect(await transact((tx) => stores.policies.detach(tx, attachment))).toBe(false);
  });

  test('a policy in use stays, one that is not goes with its versions', async () => {
    const { stores, transact } = opened();
    const name = named('removed');
    await add(name);
    const attachment = { policyName: name, certificateId: certificateIdOf('c') };
    const remove = () => transact((tx) => stores.policies.remove(tx, name));
    await transact((tx) => stores.policies.attach(tx, attachment));
    expect(await outcomes([remove()])).toEqual(['store.conflict']);
    expect(await stores.policies.versions(name)).toHaveLength(1);
    await transact((tx) => stores.policies.detach(tx, attachment));
    expect([await remove(), await remove()]).toEqual([true, false]);
    expect(await stores.policies.versions(name)).toEqual([]);
  });

  test('a guard rail is kept under its name, with and without a policy, and ends once', async () => {
    const { stores, transact } = opened();
    const property = '{"kind":"no-cross-device"}';
    const one = { name: 'all', property, createdAtMs: 1 };
    const other = { name: 'one', policyName: named('of-a-rail'), property, createdAtMs: 2 };
    for (const guardrail of [one, other]) await transact((tx) => stores.policies.addGuardrail(tx, guardrail));
    expect(await stores.policies.guardrails()).toEqual([one, other]);
    expect(await outcomes([transact((tx) => stores.policies.addGuardrail(tx, one))])).toEqual([
      'store.conflict',
    ]);
    const remove = (name: string) => transact((tx) => stores.policies.removeGuardrail(tx, name));
    expect([await remove('one'), await remove('one'), await remove('all')]).toEqual([true, false, true]);
  });

  test('an attachment to a group is kept once, keeps its policy, and ends once', async () => {
    const { stores, transact } = opened();
    const name = named('of-a-group');
    const attachment = { policyName: name, groupName: parseGroupName('ovens') };
    await add(name);
    await transact(async (tx) => {
      await stores.policies.attachToGroup(tx, attachment);
      await stores.policies.attachToGroup(tx, attachment);
    });
    expect(await stores.policies.groupAttachments()).toEqual([attachment]);
    expect(await outcomes([transact((tx) => stores.policies.remove(tx, name))])).toEqual(['store.conflict']);
    const detach = () => transact((tx) => stores.policies.detachFromGroup(tx, attachment));
    expect([await detach(), await detach()]).toEqual([true, false]);
    const unknown = { policyName: named('no-such-policy'), groupName: attachment.groupName };
    const attached = transact((tx) => stores.policies.attachToGroup(tx, unknown));
    expect(await outcomes([attached])).toEqual(['store.conflict']);
  });

  test('the version that was in force before is known, until it is removed', async () => {
    const { stores, transact } = opened();
    const name = named('previous');
    await add(name);
    await transact((tx) => stores.policies.addVersion(tx, version(name, 2)));
    const choose = (versionId: number) =>
      transact((tx) => stores.policies.setDefaultVersion(tx, { name, versionId }));
    const previous = async () => (await stores.policies.find(name))?.previousVersionId;
    await choose(2);
    await choose(2);
    expect(await previous()).toBe(1);
    await transact((tx) => stores.policies.removeVersion(tx, { name, versionId: 1 }));
    expect(await previous()).toBeUndefined();
  });

  test('a trial is one a policy, of a version that is stored, keeps what it found, and ends once', async () => {
    const { stores, transact } = opened();
    const name = named('tried');
    await add(name);
    await transact((tx) => stores.policies.addVersion(tx, version(name, 2)));
    const trial = (versionId: number, decisions: number, startedAtMs = 5): PolicyTrial => ({
      policyName: name,
      versionId,
      startedAtMs,
      state: { decisions, findings: [], unlisted: { wouldDeny: 0, wouldAllow: 1 } },
    });
    const begin = (one: PolicyTrial) => transact((tx) => stores.policies.startTrial(tx, one));
    const save = (one: PolicyTrial) => transact((tx) => stores.policies.saveTrial(tx, one));
    const end = () => transact((tx) => stores.policies.endTrial(tx, name));
    expect(await outcomes([begin(trial(9, 0))])).toEqual(['store.conflict']);
    await begin(trial(1, 0));
    await begin(trial(2, 0));
    await save(trial(2, 7));
    await save(trial(2, 8, 4)); // of an earlier trial of the same version
    await save(trial(1, 9));
    expect(await stores.policies.trials()).toEqual([trial(2, 7)]);
    expect([await end(), await end()]).toEqual([true, false]);
    await save(trial(2, 10));
    expect(await stores.policies.trials()).toEqual([]);
  });
}
