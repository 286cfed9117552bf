import { createPrivateKey } from 'node:crypto';
import { cpSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { parseCertificatesPem } from '@fleetward/pki';
import {
  addGroupThing,
  createGroup,
  createPolicy,
  getRenewal,
  listConnections,
  listTrail,
  revokeCertificate,
  startRenewal,
} from '@fleetward/protocol';
import { FakeClock, needs, openssl, runProgram } from '@fleetward/testkit';
import { startTestPlatform, type TestPlatform } from '@fleetward/testkit/platform';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renewWhenDue } from '../src/agent/keep-identity.ts';
import { openAgent } from '../src/agent/wiring.ts';
import { connectDevice } from '../src/sdk/connect-device.ts';
import { enroll } from '../src/sdk/enroll.ts';
import { type DeviceIdentity, openIdentityFolder, publicKeyOf } from '../src/sdk/identity.ts';
import { connectPlatform, isRenewalAsked, report } from '../src/sdk/platform-client.ts';
import { renew, renewalTimeMs } from '../src/sdk/renew.ts';
import { random } from './test-authority.ts';
import { TestRepository } from './test-repository.ts';

const dayMs = 86_400_000;
const clock = new FakeClock(Date.now());
let platform: TestPlatform;
let url: string;

beforeAll(async () => {
  platform = await startTestPlatform({
    clock,
    settings: { certificates: { activePerThingMax: 1_000, deviceValidityDays: 30, graceDays: 7 } },
  });
  url = `https://localhost:${platform.platform.ports.devices}`;
  const statement = { Effect: 'Allow', Action: 'iot:*', Resource: '*' };
  const document = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  await platform.api.call(createPolicy, { body: { policyName: 'all', document } });
});
afterAll(() => platform.stop());

async function enrolled(
  name: string,
  policies: readonly string[] = [],
): Promise<DeviceIdentity & { readonly folder: string }> {
  const folder = platform.folder.join(name);
  const joinToken = await platform.newJoinToken(name, { policies });
  const outcome = await enroll({ url, trust: platform.rootPem, joinToken, name, folder, clock });
  if (outcome.kind === 'refused') throw new Error(outcome.reason);
  clock.advance(1_000);
  return { ...outcome.identity, folder };
}

/** Whether the platform takes this pair. */
async function isServed(identity: DeviceIdentity): Promise<boolean> {
  const api = connectPlatform(identity, { url });
  try {
    await report(api, { protocolVersion: 1, update: { outcome: 'up-to-date' } });
    return true;
  } catch {
    return false;
  } finally {
    api.close();
  }
}

function idOf({ chain }: DeviceIdentity) {
  return parseCertificatesPem(chain)[0]!.id;
}

function pairHolds({ chain, key }: DeviceIdentity): boolean {
  const { publicKey } = parseCertificatesPem(chain)[0]!;
  return Buffer.from(publicKeyOf(createPrivateKey(key))).equals(publicKey.spki);
}

describe('renewal', () => {
  test('puts a new pair in place of the old one, and both are served until the old one ends', async () => {
    const old = await enrolled('lamp-new');
    const outcome = await renew({ url, folder: old.folder, clock });
    if (outcome.kind === 'refused') throw new Error(outcome.reason);
    const { identity } = outcome;
    expect(identity.key).not.toBe(old.key);
    expect([identity.name, identity.root]).toEqual([old.name, old.root]);
    expect([await isServed(old), await isServed(identity)]).toEqual([true, true]);
    expect(openIdentityFolder(old.folder).read()).toEqual(identity);
    expect(statSync(`${old.folder}/key.pem`).mode & 0o777).toBe(0o600);
    expect(existsSync(`${old.folder}/next-key.pem`)).toBe(false);
    await openssl([
      'verify',
      '-CAfile',
      `${old.folder}/root.pem`,
      '-untrusted',
      `${old.folder}/chain.pem`,
      `${old.folder}/chain.pem`,
    ]);
    const ofKey = await openssl(['pkey', '-in', `${old.folder}/key.pem`, '-pubout']);
    expect(await openssl(['x509', '-in', `${old.folder}/chain.pem`, '-pubkey', '-noout'])).toEqual(ofKey);
  });

  test('keeps the key when that is asked for', async () => {
    const old = await enrolled('lamp-same');
    const outcome = await renew({ url, folder: old.folder, clock, key: 'same' });
    expect(outcome).toMatchObject({ kind: 'renewed', identity: { key: old.key } });
    expect(outcome.kind === 'renewed' && idOf(outcome.identity)).not.toBe(idOf(old));
  });

  test('works within the grace, and after it tells what the platform says', async () => {
    const old = await enrolled('lamp-late');
    clock.advance(31 * dayMs);
    expect(await isServed(old)).toBe(false);
    const outcome = await renew({ url, folder: old.folder, clock });
    expect(outcome.kind === 'renewed' && (await isServed(outcome.identity))).toBe(true);
    const params = { certificateId: idOf(openIdentityFolder(old.folder).read()!) };
    await platform.api.call(revokeCertificate, { params, body: {} });
    await expect(renew({ url, folder: old.folder, clock })).rejects.toMatchObject({
      code: 'device.unreachable',
      message: expect.stringMatching(/does not accept this certificate: revoked, .* `fleetward denial list`/),
    });
    const api = connectPlatform(openIdentityFolder(old.folder).read()!, { url });
    await expect(report(api, { protocolVersion: 1 })).rejects.toMatchObject({
      code: 'api.unreachable',
      message: expect.stringMatching(/does not accept this certificate/),
    });
    api.close();
  });

  test('comes before its time when an operator asks for it, once', async () => {
    const old = await enrolled('lamp-asked');
    const api = connectPlatform(old, { url });
    const lines: string[] = [];
    const kept = { url, identityFolder: old.folder, clock, log: (line: string) => void lines.push(line) };
    const pass = (identity: DeviceIdentity) =>
      renewWhenDue(identity, { ...kept, isAsked: () => isRenewalAsked(api) });
    expect(await pass(old)).toBe(old);
    const groupName = 'asked';
    await platform.api.call(createGroup, { body: { groupName } });
    await platform.api.call(addGroupThing, { params: { groupName, thingName: 'lamp-asked' } });
    const body = { groupName, ratePerMinute: 60 };
    const { campaignId } = await platform.api.call(startRenewal, { body });
    while (!(await isRenewalAsked(api))) await pause(50); // the platform looks every second
    const renewed = await pass(old);
    api.close();
    expect(idOf(renewed)).not.toBe(idOf(old));
    expect(renewed.key).not.toBe(old.key);
    expect(lines).toEqual([
      'the platform asks for a renewal of the certificate before its time',
      'the certificate was renewed',
    ]);
    const campaign = await platform.api.call(getRenewal, { params: { campaignId } });
    expect(campaign.counts).toEqual({ WAITING: 0, CALLED: 0, RENEWED: 1, GONE: 0 });
    const next = connectPlatform(renewed, { url });
    expect(await isRenewalAsked(next)).toBe(false);
    next.close();
  });

  test('brings another key after one that was refused', async () => {
    const old = await enrolled('lamp-refused');
    const taken = await enrolled('lamp-taken');
    writeFileSync(`${old.folder}/next-key.pem`, taken.key);
    expect(await renew({ url, folder: old.folder, clock })).toMatchObject({ kind: 'refused', status: 400 });
    expect(await renew({ url, folder: old.folder, clock })).toMatchObject({ kind: 'renewed' });
  });

  test('is shown by a connection that goes on with it, in the session that it had', async () => {
    const old = await enrolled('lamp-online', ['all']);
    const sessions: boolean[] = [];
    const device = connectDevice({
      url: `mqtts://localhost:${platform.platform.ports.mqtt}`,
      identity: old,
      random,
      onEvent: (event) => event.kind === 'connected' && sessions.push(event.sessionPresent),
    });
    await expect.poll(() => sessions).toEqual([false]);
    const outcome = await renew({ url, folder: old.folder, clock });
    if (outcome.kind === 'refused') throw new Error(outcome.reason);
    device.replaceIdentity(outcome.identity);
    await expect.poll(() => sessions).toEqual([false, true]);
    const { connections } = await platform.api.call(listConnections);
    expect(connections.map(({ certificateId }) => certificateId)).toEqual([idOf(outcome.identity)]);
    await platform.api.call(revokeCertificate, {
      params: { certificateId: idOf(old) },
      body: { reason: 'superseded' },
    });
    await device.publish('lamp-online', 'still here');
    await device.close();
  });

  test('needs an identity to renew', async () => {
    const folder = platform.folder.join('nobody');
    await expect(renew({ url, folder, clock })).rejects.toMatchObject({ code: 'device.not_enrolled' });
  });

  test('is due after two thirds of the life, spread over a twelfth of it', async () => {
    const chains = await Promise.all([1, 2, 3, 4, 5].map((number) => enrolled(`lamp-due-${number}`)));
    const shares = chains.map((identity) => {
      const { notBeforeMs, notAfterMs } = parseCertificatesPem(identity.chain)[0]!;
      return (renewalTimeMs(identity) - notBeforeMs) / (notAfterMs - notBeforeMs);
    });
    for (const share of shares) expect(Math.abs(share - 2 / 3)).toBeLessThanOrEqual(1 / 24);
    expect(new Set(shares).size).toBe(5);
  });
});

needs('strace', 'strace').describe('a power cut during a renewal', () => {
  const calls = 'rename,link,unlink,fsync';

  /** Ends the process when it begins its n-th change of the folder; `done` when it makes fewer. */
  async function cutAt(step: number, folder: string): Promise<'cut' | 'done'> {
    const program = [
      process.execPath,
      '--conditions=fleetward-source',
      `${import.meta.dirname}/renew-entry.ts`,
    ];
    const args = [
      ...['-f', '-qq', '-o', `${folder}.trace`, '-e', `trace=${calls}`],
      ...['-e', `inject=${calls}:signal=KILL:when=${step}`, '--'],
      ...[...program, url, folder, String(clock.now())],
    ];
    // Node's own writes of compiled code must not be counted among ours.
    const environment = { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' };
    const { code, stderr } = await runProgram('strace', args, { environment });
    if (code === 0) return 'done';
    expect(stderr).toBe('');
    return 'cut';
  }

  test('leaves a pair that works, whatever the step, and the next try ends it', async () => {
    const old = await enrolled('lamp-cut');
    for (let step = 1; ; step++) {
      clock.advance(1_000); // the thing may report again
      const folder = `${old.folder}-${step}`;
      cpSync(old.folder, folder, { recursive: true });
      const end = await cutAt(step, folder);
      const left = openIdentityFolder(folder).read()!;
      expect([step, pairHolds(left), await isServed(left)]).toEqual([step, true, true]);
      if (end === 'done') return expect(step).toBeGreaterThan(8);
      const outcome = await renew({ url, folder, clock });
      expect([step, outcome.kind]).toEqual([step, 'renewed']);
      expect(pairHolds(openIdentityFolder(folder).read()!)).toBe(true);
    }
  });
});

test('the agent renews when it is due, and reports with the new certificate from then on', async () => {
  const old = await enrolled('lamp-agent');
  const rootFile = platform.folder.join('tuf-root.json');
  writeFileSync(rootFile, (await TestRepository.create(clock)).root);
  const lines: string[] = [];
  const config = {
    url,
    identityFolder: old.folder,
    trustedFolder: platform.folder.join('trusted'),
    rootFile,
    slotsFolder: platform.folder.join('slots'),
    model: { product: 'lamp', hardware: 'lamp-r1' },
    probe: { kind: 'command', command: ['true'], timeoutMs: 1_000 },
    trial: { startWithinMs: 1_000, pollMs: 10, probeTries: 1, probePauseMs: 1 },
    limits: {
      reserveBytes: 0,
      refreshWithinMs: 10_000,
      downloadWithinMs: 10_000,
      checkpointBytes: 1,
      bytesPerSecondMin: 1,
    },
    checkEveryMs: 1_000,
  } as const;
  const { agent, close } = await openAgent(config, {
    clock,
    environment: {},
    log: (line) => void lines.push(line),
  });
  await agent.checkOnce();
  expect(openIdentityFolder(old.folder).read()).toEqual(expect.objectContaining({ key: old.key }));
  clock.set(renewalTimeMs(old));
  await agent.checkOnce();
  const renewed = openIdentityFolder(old.folder).read()!;
  expect(idOf(renewed)).not.toBe(idOf(old));
  await platform.api.call(revokeCertificate, {
    params: { certificateId: idOf(old) },
    body: { reason: 'superseded' },
  });
  await agent.checkOnce();
  expect(lines).toEqual(['the certificate was renewed']);
  close();
  const { entries } = await platform.api.call(listTrail, { query: { limit: 1000 } });
  const payloads = entries
    .filter(({ entry }) => entry.kind === 'certificate.renewed')
    .map(({ payload }) => payload);
  expect(payloads.some((payload) => payload?.includes(idOf(renewed)))).toBe(true);
});
