import { copyFileSync } from 'node:fs';
import { parsePolicyName, parseThingName } from '@fleetward/core';
import { parseCrl } from '@fleetward/pki';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { allow } from '../policies/documents.ts';
import { issueDevice, openPlatform, type Platform, reopened, trailOf } from './test-platform.ts';

const operator = { kind: 'operator', operatorId: 'ada' } as const;
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

type Device = Awaited<ReturnType<typeof issueDevice>>;

function standing({ record }: Device, atMs = platform.clock.now()) {
  return platform.certificates.standing(record.certificateId, atMs);
}

function remove({ record }: Device) {
  return platform.certificates.remove(record.certificateId, operator);
}

function setState({ record }: Device, state: 'ACTIVE' | 'INACTIVE') {
  return platform.certificates.setState({ certificateId: record.certificateId, state }, operator);
}

async function onCrl({ record }: Device): Promise<boolean> {
  const issuerId = platform.certificates.activeIssuer()!.certificateId;
  const has = () => parseCrl(platform.certificates.crl(issuerId)!.der).revoked.has(record.serial);
  await platform.certificates.refreshCrls();
  return has();
}

async function reopen(backup?: string): Promise<void> {
  platform = await reopened(platform, backup);
}

test('a revoked certificate that is deleted is out of sight, and on the CRL as before, also after a restart', async () => {
  const device = await issueDevice(platform, 'pump');
  const { certificateId } = device.record;
  const revoked = await platform.certificates.revoke({ certificateId, reason: 'keyCompromise' }, operator);
  if (revoked.kind === 'revoked') await revoked.crl;
  await remove(device);
  for (let times = 0; times < 2; times++) {
    await expect(platform.certificates.get(certificateId)).rejects.toMatchObject({
      code: 'certificates.not_found',
    });
    expect([standing(device), await onCrl(device)]).toEqual(['revoked', true]);
    await reopen();
  }
  expect((await trailOf(platform.trail)).at(-1)).toMatchObject({
    kind: 'certificate.deleted',
    payload: { certificateId },
  });
});

test('an inactive one is revoked with it, so that a database from before brings back nobody', async () => {
  const device = await issueDevice(platform, 'pump');
  const { keys, clock } = platform;
  await platform.close();
  copyFileSync(folder.join('records.db'), folder.join('backup.db'));
  platform = await openPlatform({ folder: folder.path, keys, clock });
  await setState(device, 'INACTIVE');
  await remove(device);
  expect(standing(device)).toBe('revoked');
  await reopen('backup.db');
  expect([standing(device), await onCrl(device)]).toEqual(['revoked', true]);
});

test('an expired one is gone, and nobody can use it again', async () => {
  const device = await issueDevice(platform, 'pump');
  platform.clock.advance(366 * 86_400_000);
  await remove(device);
  expect(standing(device)).toBe('unknown');
  await reopen();
  expect(standing(device, device.record.notBeforeMs)).toBe('unknown');
  expect(await platform.certificates.ofPublicKey(device.record.publicKeyHash)).toHaveLength(1);
});

test('one that may speak, now or once a hold is lifted, is not deleted', async () => {
  const device = await issueDevice(platform, 'pump');
  await expect(remove(device)).rejects.toMatchObject({ code: 'certificates.state' });
  const { certificateId } = device.record;
  await platform.certificates.revoke({ certificateId, reason: 'certificateHold' }, operator);
  await expect(remove(device)).rejects.toMatchObject({ code: 'certificates.state' });
  await platform.certificates.unhold(certificateId, operator);
  expect(standing(device)).toBe('active');
});

test('one that a thing or a policy is attached to is not deleted', async () => {
  const device = await issueDevice(platform, 'pump');
  const { certificateId } = device.record;
  const [thingName, policyName] = [parseThingName('pump'), parsePolicyName('all')];
  await platform.things.create({ name: thingName }, operator);
  await platform.things.attachments.attach({ thingName, certificateId, exclusive: false }, operator);
  await platform.policies.create({ name: policyName, document: allow('iot:Publish', '*') }, operator);
  await platform.policies.attachments.attach({ policyName, certificateId }, operator);
  await setState(device, 'INACTIVE');
  const [ofThing, ofPolicy] = [
    `\`fleetward thing detach-certificate pump ${certificateId}\``,
    `\`fleetward policy detach all --certificate ${certificateId}\``,
  ];
  await expect(remove(device)).rejects.toMatchObject({
    code: 'certificates.attached',
    message: `attached to the certificate \`${certificateId}\`: thing \`pump\`; policy \`all\`; detach that first: ${ofThing}, ${ofPolicy}`,
  });
  await platform.things.attachments.detach({ thingName, certificateId }, operator);
  await expect(remove(device)).rejects.toMatchObject({
    code: 'certificates.attached',
    message: expect.stringContaining(`: policy \`all\`; detach that first: ${ofPolicy}`),
  });
  await platform.policies.attachments.detach({ policyName, certificateId }, operator);
  expect(standing(device)).toBe('inactive');
  await remove(device);
  await expect(remove(device)).rejects.toMatchObject({ code: 'certificates.not_found' });
});
