import { type CertificateId, parsePolicyName } from '@fleetward/core';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TrialDecision } from '../../src/policies/trial-registry.ts';
import { issueDevice, openPlatform, type Platform, trailOf } from '../certificates/test-platform.ts';
import { allow } from './documents.ts';

const operator = { kind: 'operator', operatorId: 'ada' } as const;
const name = parsePolicyName('telemetry');
let folder: TemporaryFolder;
let platform: Platform;
let certificateId: CertificateId;

beforeEach(async () => {
  folder = temporaryFolder();
  platform = await openPlatform({ folder: folder.path });
  certificateId = (await issueDevice(platform, 'pump')).record.certificateId;
  await platform.policies.create({ name, document: allow('iot:Publish', 'topic/*') }, operator);
  await platform.policies.attachments.attach({ policyName: name, certificateId }, operator);
  await addVersion('topic/a');
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

function addVersion(tail: string) {
  const document = allow('iot:Publish', tail);
  return platform.policies.versions.create({ name, document, setAsDefault: false }, operator);
}

function decide(change: Partial<TrialDecision> = {}): void {
  const decision: TrialDecision = {
    action: 'iot:Publish',
    name: 'b',
    clientId: 'pump',
    thingName: undefined,
    isAllowed: true,
    wouldAllow: true,
    count: 1,
    explain: () => 'no statement allows it',
    ...change,
  };
  platform.policies.trials.observe({ policyName: name, versionId: 2 }, decision, platform.clock.now());
}

const start = (versionId = 2) => platform.policyTrials.start({ name, versionId }, operator);
const promote = (force = false) => platform.policyTrials.promote({ name, force }, operator);
const inForce = () => platform.policies.inForce(name).versionId;
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error: { readonly code?: unknown }) => error.code,
  );

describe('a trial', () => {
  test('announces whose connections decide in shadow, and leaves what is in force', async () => {
    await start();
    const event = { kind: 'policies-changed', policyName: name, certificateIds: [certificateId] };
    expect(platform.events).toEqual([event]);
    const attached = platform.policies.attachedTo(certificateId);
    expect(attached).toMatchObject([{ versionId: 1 }]);
    expect(platform.policies.trials.among(attached)).toMatchObject([
      { key: { versionId: 2 }, policies: [{ versionId: 2, name }] },
    ]);
    await platform.policyTrials.stop(name, operator);
    expect(platform.events).toEqual([event, event]);
    expect(platform.policies.trials.among(attached)).toEqual([]);
  });

  test('is of a stored version that is not in force, and ends once', async () => {
    expect(await codeOf(start(1))).toBe('policies.default_version');
    expect(await codeOf(start(9))).toBe('policies.version_not_found');
    expect(await codeOf(platform.policyTrials.stop(name, operator))).toBe('policies.no_trial');
    expect(await codeOf(promote())).toBe('policies.no_trial');
    await start();
    expect(await codeOf(platform.policies.versions.remove({ name, versionId: 2 }, operator))).toBe(
      'policies.in_trial',
    );
    await platform.policyTrials.stop(name, operator);
    expect(await codeOf(platform.policyTrials.stop(name, operator))).toBe('policies.no_trial');
    await platform.policies.versions.remove({ name, versionId: 2 }, operator);
  });

  test('goes on after a restart with what it found', async () => {
    await start();
    decide({ wouldAllow: false, count: 3 });
    await platform.policyTrials.flush();
    await reopen();
    expect(platform.policyTrials.get(name)).toMatchObject({
      versionId: 2,
      state: {
        decisions: 3,
        findings: [{ kind: 'wouldDeny', action: 'iot:Publish', resource: 'topic/b', count: 3 }],
      },
    });
    decide({ wouldAllow: false });
    expect(platform.policyTrials.get(name).state.findings).toMatchObject([{ count: 4 }]);
  });

  test('keeps differences alike for every thing together, only so many kinds of them, and counts the rest', async () => {
    await start();
    for (const thing of ['pump', 'valve'])
      decide({ name: `x/${thing}`, thingName: thing as never, wouldAllow: false });
    expect(platform.policyTrials.get(name).state.findings).toMatchObject([
      { resource: 'topic/x/${iot:Connection.Thing.ThingName}', count: 2, example: { thingName: 'pump' } },
    ]);
    for (let count = 0; count < 250; count++) decide({ name: `y/${count}`, isAllowed: false });
    const { findings, unlisted } = platform.policyTrials.get(name).state;
    expect([findings.length, unlisted]).toEqual([200, { wouldDeny: 0, wouldAllow: 51 }]);
    decide({ name: 'z', wouldAllow: false, count: 0 });
    expect(platform.policyTrials.get(name).state.unlisted.wouldDeny).toBe(1);
  });

  test('is one of so many at once', async () => {
    await start();
    for (const other of ['second', 'third'].map((text) => parsePolicyName(text))) {
      await platform.policies.create({ name: other, document: allow('iot:Publish', '*') }, operator);
      const version = { name: other, document: allow('iot:Publish', 'topic/a'), setAsDefault: false };
      await platform.policies.versions.create(version, operator);
      const started = platform.policyTrials.start({ name: other, versionId: 2 }, operator);
      expect(await codeOf(started)).toBe(other === 'second' ? 'done' : 'policies.trial_limit');
    }
    expect(await codeOf(start())).toBe('done');
  });

  test('ends when another version is put in force: it compared with the one before', async () => {
    await start();
    await addVersion('topic/c');
    await platform.policies.versions.setDefault({ name, versionId: 3 }, operator);
    expect(await codeOf(promote(true))).toBe('policies.no_trial');
    await reopen();
    expect(await codeOf(promote(true))).toBe('policies.no_trial');
  });
});

describe('promoting', () => {
  test('puts the version in force once its trial is clean, and the trail has it', async () => {
    await start();
    expect(await codeOf(promote())).toBe('policies.trial_not_clean');
    decide({ isAllowed: false, wouldAllow: true });
    decide();
    await promote();
    expect(inForce()).toBe(2);
    expect((await trailOf(platform.trail)).slice(-3)).toEqual([
      { kind: 'policy.trial_started', payload: { policyName: name, versionId: 2 } },
      {
        kind: 'policy.promoted',
        payload: { policyName: name, versionId: 2, decisions: 2, wouldDeny: 0, forced: false },
      },
      { kind: 'policy.default_changed', payload: { policyName: name, versionId: 2 } },
    ]);
    await reopen();
    expect(inForce()).toBe(2);
  });

  test('is refused with what would be denied, even before it is counted, unless forced', async () => {
    await start();
    decide();
    decide({ wouldAllow: false, count: 0 });
    await expect(promote()).rejects.toMatchObject({
      code: 'policies.trial_not_clean',
      details: {
        errors: [
          { path: 'iot:Publish on topic/b', message: expect.stringContaining('no statement allows it') },
        ],
      },
    });
    expect(inForce()).toBe(1);
    await promote(true);
    expect(inForce()).toBe(2);
    const promoted = (await trailOf(platform.trail)).find(({ kind }) => kind === 'policy.promoted');
    expect(promoted?.payload).toMatchObject({ forced: true, wouldDeny: 1 });
  });
});

describe('rolling back', () => {
  const rollback = () => platform.policyTrials.rollback(name, operator);

  test('puts the version in force that was before, and forth again, also after a restart', async () => {
    expect(await codeOf(rollback())).toBe('policies.no_previous');
    await platform.policies.versions.setDefault({ name, versionId: 2 }, operator);
    await reopen();
    expect(await rollback()).toEqual({ name, versionId: 1 });
    expect(inForce()).toBe(1);
    expect(await rollback()).toEqual({ name, versionId: 2 });
  });

  test('does not go to a version that was removed, and is not moved by putting the same in force', async () => {
    await platform.policies.versions.setDefault({ name, versionId: 2 }, operator);
    await platform.policies.versions.setDefault({ name, versionId: 2 }, operator);
    expect((await platform.policies.get(name)).policy.previousVersionId).toBe(1);
    await platform.policies.versions.remove({ name, versionId: 1 }, operator);
    expect(await codeOf(rollback())).toBe('policies.no_previous');
  });
});
