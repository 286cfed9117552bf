import { rmSync } from 'node:fs';
import { type CertificateId, parseCertificateId, parsePolicyName } from '@fleetward/core';
import { compilePrincipal } from '@fleetward/policy';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { issueDevice, openPlatform, type Platform, trailOf } from '../certificates/test-platform.ts';
import { allow, awsTelemetryPolicy } from './documents.ts';

const operator = { kind: 'operator', operatorId: 'ada' } as const;
const name = parsePolicyName('telemetry');
let folder: TemporaryFolder;
let platform: Platform;
let certificateId: CertificateId;

beforeEach(async () => {
  folder = temporaryFolder();
  platform = await openPlatform({ folder: folder.path });
  certificateId = (await issueDevice(platform, 'my_iot_device')).record.certificateId;
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

function mayPublish(topic: string): boolean {
  return compilePrincipal(platform.policies.attachedTo(certificateId), { clientId: 'c' }).allows(
    'iot:Publish',
    topic,
  );
}

describe('saving a document', () => {
  test('as AWS publishes it binds its placeholders and warns of commands that can never arrive', async () => {
    const saved = await platform.policies.create({ name, document: awsTelemetryPolicy }, operator);
    expect(new Set(saved.notes.map(({ literal, value }) => `${literal}=${value}`))).toEqual(
      new Set(['REGION=local', 'ACCOUNT_ID=000000000000']),
    );
    expect(saved.findings).toMatchObject([
      { id: 'subscribe-without-receive', path: '$.Statement[2].Resource[0]' },
      { id: 'receive-wider-than-subscribe', path: '$.Statement[1].Resource[0]' },
    ]);
    const { versions } = await platform.policies.get(name);
    expect(versions.map(({ document }) => document)).toEqual([awsTelemetryPolicy]);
  });

  test('that does not parse keeps nothing', async () => {
    const before = await trailOf(platform.trail);
    const wrong = { name, document: allow('iot:Publsh', '*') };
    await expect(platform.policies.create(wrong, operator)).rejects.toMatchObject({ code: 'policy.invalid' });
    await expect(platform.policies.get(name)).rejects.toMatchObject({ code: 'policies.not_found' });
    expect(await trailOf(platform.trail)).toEqual(before);
  });

  test('under a name that is taken is refused', async () => {
    const policy = { name, document: allow('iot:Publish', '*') };
    await platform.policies.create(policy, operator);
    await expect(platform.policies.create(policy, operator)).rejects.toMatchObject({
      code: 'policies.exists',
    });
  });
});

describe('a new version', () => {
  beforeEach(async () => {
    await platform.policies.create({ name, document: allow('iot:Publish', 'topic/old') }, operator);
    await platform.policies.attachments.attach({ policyName: name, certificateId }, operator);
    platform.events.length = 0;
  });

  test('as the default decides at once, is announced to those it touches, and decides after a restart', async () => {
    expect([mayPublish('old'), mayPublish('new')]).toEqual([true, false]);
    await platform.policies.versions.create(
      { name, document: allow('iot:Publish', 'topic/new'), setAsDefault: true },
      operator,
    );
    expect([mayPublish('old'), mayPublish('new')]).toEqual([false, true]);
    expect(platform.events).toEqual([
      { kind: 'policies-changed', policyName: name, certificateIds: [certificateId] },
    ]);
    await reopen();
    expect([mayPublish('old'), mayPublish('new')]).toEqual([false, true]);
  });

  test('that is not the default changes nothing until it is made so', async () => {
    const document = allow('iot:Publish', 'topic/new');
    const { version } = await platform.policies.versions.create(
      { name, document, setAsDefault: false },
      operator,
    );
    expect(version.versionId).toBe(2);
    expect([mayPublish('new'), platform.events.length]).toEqual([false, 0]);
    await platform.policies.versions.setDefault({ name, versionId: 2 }, operator);
    expect(mayPublish('new')).toBe(true);
    await platform.policies.versions.setDefault({ name, versionId: 1 }, operator);
    expect(mayPublish('new')).toBe(false);
  });

  test('beyond the fifth is refused until one is removed, and its number is not given again', async () => {
    const another = { name, document: allow('iot:Publish', '*'), setAsDefault: false };
    for (let n = 2; n <= 5; n++) await platform.policies.versions.create(another, operator);
    await expect(platform.policies.versions.create(another, operator)).rejects.toMatchObject({
      code: 'policies.version_limit',
    });
    await platform.policies.versions.remove({ name, versionId: 5 }, operator);
    const { version } = await platform.policies.versions.create(another, operator);
    expect(version.versionId).toBe(6);
  });

  test('saved by several operators at once gets a number of its own each', async () => {
    const another = { name, document: allow('iot:Publish', '*'), setAsDefault: false };
    const saved = await Promise.all(
      [1, 2, 3].map(() => platform.policies.versions.create(another, operator)),
    );
    expect(saved.map(({ version }) => version.versionId).sort()).toEqual([2, 3, 4]);
  });

  test('that does not parse leaves the one in force in force', async () => {
    const broken = { name, document: '{', setAsDefault: true };
    await expect(platform.policies.versions.create(broken, operator)).rejects.toMatchObject({
      code: 'policy.invalid',
    });
    expect(mayPublish('old')).toBe(true);
  });

  test('in force cannot be removed, and one that is not there cannot be put in force', async () => {
    await expect(platform.policies.versions.remove({ name, versionId: 1 }, operator)).rejects.toMatchObject({
      code: 'policies.default_version',
    });
    await expect(
      platform.policies.versions.setDefault({ name, versionId: 9 }, operator),
    ).rejects.toMatchObject({
      code: 'policies.version_not_found',
    });
  });
});

describe('an attachment', () => {
  beforeEach(async () => {
    await platform.policies.create({ name, document: allow('iot:Publish', 'topic/a') }, operator);
    platform.events.length = 0;
  });

  test('gives and its end takes away, at once, and is announced', async () => {
    await platform.policies.attachments.attach({ policyName: name, certificateId }, operator);
    expect(mayPublish('a')).toBe(true);
    await platform.policies.attachments.detach({ policyName: name, certificateId }, operator);
    expect(mayPublish('a')).toBe(false);
    const event = { kind: 'policies-changed', policyName: name, certificateIds: [certificateId] };
    expect(platform.events).toEqual([event, event]);
    await expect(
      platform.policies.attachments.detach({ policyName: name, certificateId }, operator),
    ).rejects.toMatchObject({
      code: 'policies.not_attached',
    });
  });

  test('keeps its policy from being removed', async () => {
    await platform.policies.attachments.attach({ policyName: name, certificateId }, operator);
    await expect(platform.policies.remove(name, operator)).rejects.toMatchObject({
      code: 'policies.attached',
    });
    await platform.policies.attachments.detach({ policyName: name, certificateId }, operator);
    await platform.policies.remove(name, operator);
    await expect(platform.policies.get(name)).rejects.toMatchObject({ code: 'policies.not_found' });
  });

  test('that races with the removal of its policy leaves no certificate with a policy that is gone', async () => {
    await Promise.allSettled([
      platform.policies.attachments.attach({ policyName: name, certificateId }, operator),
      platform.policies.remove(name, operator),
    ]);
    const inMemory = platform.policies.attachedTo(certificateId).map((policy) => policy.name);
    await reopen();
    expect(platform.policies.attachedTo(certificateId).map((policy) => policy.name)).toEqual(inMemory);
  });

  test('needs a policy and a certificate that exist, and there are at most ten a certificate', async () => {
    const mistyped = parseCertificateId('0'.repeat(64));
    await expect(
      platform.policies.attachments.attach({ policyName: name, certificateId: mistyped }, operator),
    ).rejects.toMatchObject({
      code: 'policies.certificate_unknown',
    });
    const missing = parsePolicyName('missing');
    await expect(
      platform.policies.attachments.attach({ policyName: missing, certificateId }, operator),
    ).rejects.toMatchObject({
      code: 'policies.not_found',
    });
    for (let n = 1; n <= 11; n++) {
      const policyName = parsePolicyName(`p${n}`);
      await platform.policies.create({ name: policyName, document: allow('iot:Publish', '*') }, operator);
      const attached = platform.policies.attachments.attach({ policyName, certificateId }, operator);
      if (n <= 10) await attached;
      else await expect(attached).rejects.toMatchObject({ code: 'policies.attachment_limit' });
    }
  });

  test('to all certificates of a thing happens whole or not at all', async () => {
    const second = (await issueDevice(platform, 'two')).record.certificateId;
    for (let n = 1; n <= 10; n++) {
      const policyName = parsePolicyName(`p${n}`);
      await platform.policies.create({ name: policyName, document: allow('iot:Publish', '*') }, operator);
      await platform.policies.attachments.attach({ policyName, certificateId: second }, operator);
    }
    const both = { policyName: name, certificateIds: [certificateId, second] };
    await expect(platform.policies.attachments.attachAll(both, operator)).rejects.toMatchObject({
      code: 'policies.attachment_limit',
    });
    expect(platform.policies.attachedTo(certificateId)).toEqual([]);
    await reopen();
    expect(platform.policies.attachedTo(certificateId)).toEqual([]);
  });
});

test('a stored document that no longer parses stops the start', async () => {
  const { keys, clock, storage } = platform;
  await storage.transactor.transact((tx) => {
    const version = { name, versionId: 1, document: '{}', createdAtMs: 0 };
    return storage.stores.policies.add(tx, { name, defaultVersionId: 1, createdAtMs: 0 }, version);
  });
  await platform.close();
  await expect(openPlatform({ folder: folder.path, keys, clock })).rejects.toMatchObject({
    code: 'policies.stored_invalid',
  });
  for (const ending of ['', '-wal', '-shm']) rmSync(folder.join(`records.db${ending}`), { force: true });
  platform = await openPlatform({ folder: folder.path, keys, clock });
});
