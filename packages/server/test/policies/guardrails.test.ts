import { type CertificateId, parsePolicyName } from '@fleetward/core';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { issueDevice, openPlatform, type Platform, trailOf } from '../certificates/test-platform.ts';

const operator = { kind: 'operator', operatorId: 'ada' } as const;
const lamps = parsePolicyName('lamps');
const extra = parsePolicyName('extra');
const thing = '${iot:Connection.Thing.ThingName}';
const apart = { name: 'apart', property: { kind: 'no-cross-device' } } as const;
const noFirmware = {
  name: 'no-firmware',
  policyName: lamps,
  property: { kind: 'never', action: 'publish', resource: 'firmware/*' },
} as const;

let folder: TemporaryFolder;
let platform: Platform;
let certificateId: CertificateId;

beforeEach(async () => {
  folder = temporaryFolder();
  platform = await openPlatform({ folder: folder.path });
  certificateId = (await issueDevice(platform, 'lamp-1')).record.certificateId;
  await platform.policies.create({ name: lamps, document: publish(`up/${thing}`) }, operator);
});

afterEach(async () => {
  await platform.close();
  folder.remove();
});

function publish(...topics: readonly string[]): string {
  const arn = 'arn:aws:iot:REGION:ACCOUNT_ID:';
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: 'iot:Connect', Resource: `${arn}client/${thing}` },
      { Effect: 'Allow', Action: 'iot:Publish', Resource: topics.map((topic) => `${arn}topic/${topic}`) },
    ],
  });
}

function addVersion(...topics: readonly string[]) {
  return platform.policies.createVersion(
    { name: lamps, document: publish(...topics), setAsDefault: true },
    operator,
  );
}

describe('a guard rail', { timeout: 60_000 }, () => {
  test('refuses a version that would break it, with the requests that do, and stores nothing', async () => {
    await platform.policies.requireProof(noFirmware, operator);
    const before = await trailOf(platform.trail);
    await expect(addVersion('firmware/x')).rejects.toMatchObject({
      code: 'policies.guardrail_broken',
      message: expect.stringContaining('it may publish `firmware/x`'),
      details: { errors: [{ message: expect.stringContaining('topic/firmware/x') }] },
    });
    expect((await platform.policies.get(lamps)).versions).toHaveLength(1);
    expect(await trailOf(platform.trail)).toEqual(before);
    expect(await addVersion(`up/${thing}`, `status/${thing}`)).toMatchObject({ isDefault: true });
  });

  test('refuses a version that breaks it only beside another policy of the same certificate', async () => {
    await platform.policies.create({ name: extra, document: publish(`up/eu-${thing}`) }, operator);
    for (const policyName of [lamps, extra])
      await platform.policies.attach({ policyName, certificateId }, operator);
    await expect(platform.policies.requireProof(apart, operator)).rejects.toMatchObject({
      code: 'policies.guardrail_broken',
    });
    await platform.policies.detach({ policyName: extra, certificateId }, operator);
    await platform.policies.requireProof(apart, operator);
    await expect(
      platform.policies.attach({ policyName: extra, certificateId }, operator),
    ).rejects.toMatchObject({
      code: 'policies.guardrail_broken',
      message: expect.stringContaining('`lamps` version 1 with `extra` version 1'),
    });
    expect(platform.policies.attachedTo(certificateId).map(({ name }) => name)).toEqual([lamps]);
  });

  test('refuses an earlier version that was stored before it', async () => {
    await addVersion('firmware/x');
    await addVersion(`up/${thing}`);
    await platform.policies.requireProof(noFirmware, operator);
    await expect(platform.policies.setDefault({ name: lamps, versionId: 2 }, operator)).rejects.toMatchObject(
      {
        code: 'policies.guardrail_broken',
      },
    );
    await platform.policies.setDefault({ name: lamps, versionId: 1 }, operator);
  });

  test('is kept over a restart, and its making and removing are in the trail', async () => {
    await platform.policies.requireProof(noFirmware, operator);
    const { keys, clock } = platform;
    await platform.close();
    platform = await openPlatform({ folder: folder.path, keys, clock });
    expect(platform.policies.guardrails.list()).toMatchObject([noFirmware]);
    await expect(addVersion('firmware/x')).rejects.toMatchObject({ code: 'policies.guardrail_broken' });
    await expect(platform.policies.requireProof(noFirmware, operator)).rejects.toMatchObject({
      code: 'policies.guardrail_exists',
    });
    await platform.policies.guardrails.remove('no-firmware', operator);
    await expect(platform.policies.guardrails.remove('no-firmware', operator)).rejects.toMatchObject({
      code: 'policies.guardrail_not_found',
    });
    await addVersion('firmware/x');
    const kinds = (await trailOf(platform.trail)).map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(['guardrail.created', 'guardrail.removed']));
  });

  test('from the settings holds too, and cannot be removed', async () => {
    const { keys, clock } = platform;
    await platform.close();
    platform = await openPlatform({ folder: folder.path, keys, clock, guardrails: [noFirmware] });
    await expect(addVersion('firmware/x')).rejects.toMatchObject({ code: 'policies.guardrail_broken' });
    await expect(platform.policies.guardrails.remove('no-firmware', operator)).rejects.toMatchObject({
      code: 'policies.guardrail_configured',
    });
  });

  test('that cannot be decided within its states refuses', async () => {
    const wild = [`*a${'?'.repeat(20)}*`, `*b${'?'.repeat(21)}*`, `*c${'?'.repeat(22)}*`];
    const property = {
      kind: 'at-most',
      document: publish(...wild.map((topic) => `${topic}x?`), 'up/*'),
    } as const;
    await addVersion(...wild);
    await expect(
      platform.policies.requireProof({ name: 'limit', policyName: lamps, property }, operator),
    ).rejects.toMatchObject({
      code: 'policies.guardrail_undecided',
      message: expect.stringContaining('too large'),
    });
    expect(platform.policies.guardrails.list()).toEqual([]);
  });
});
