import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseCertificatesPem } from '@fleetward/pki';
import {
  changeCampaign,
  createCampaign,
  getCampaign,
  getDeviceTarget,
  getInstruction,
  listCampaignActions,
  revokeCertificate,
} from '@fleetward/protocol';
import { startTestPlatform, type TestPlatform } from '@fleetward/testkit/platform';
import { expect, test } from 'vitest';
import { type OpenAgent, openAgent, parseAgentConfig } from '../src/index.ts';
import { openIdentityFolder } from '../src/sdk/identity.ts';
import { connectPlatform } from '../src/sdk/platform-client.ts';
import { firmware, RealDevice } from './real-device.ts';
import { ReleaseEngineer } from './release-engineer.ts';

const patience = { timeout: 120_000, interval: 100 };
const image = firmware('1.0.0', { bytes: 10_000 });
const sha256 = createHash('sha256').update(image).digest('hex');
const fast = { baseRatePerMinute: 60_000, incrementFactor: 1, maximumPerMinute: 60_000 };
const stages = [
  { share: { kind: 'things' as const, count: 1 }, successPercentMin: 100 },
  { share: { kind: 'percent' as const, percent: 100 }, successPercentMin: 100 },
];

/** A device whose agent runs in this process, and its starter in one of its own. */
async function newDevice(platform: TestPlatform, { name, root }: { name: string; root: Uint8Array }) {
  const device = await RealDevice.create(
    {
      url: `https://localhost:${platform.platform.ports.devices}`,
      rootPem: platform.rootPem,
      joinToken: await platform.newJoinToken(name),
      releaseRoot: root,
    },
    name,
  );
  device.startStarter();
  const config = parseAgentConfig(readFileSync(device.folder.join('agent.json')));
  const { agent, close } = await openAgent(config, { clock: Date, log: () => undefined, environment: {} });
  const identity = openIdentityFolder(device.folder.join('identity')).read()!;
  return { device, agent, close, identity, api: connectPlatform(identity, { url: config.url }) };
}

const check = ({ agent }: Pick<OpenAgent, 'agent'>) => agent.checkOnce();

test('two agents under a director: a campaign’s stage decides whose turn it is, and nothing else gets them the bytes', {
  timeout: 300_000,
}, async () => {
  await using platform = await startTestPlatform();
  const { api } = platform;
  const engineer = await ReleaseEngineer.start(api, { isDirected: true });
  await engineer.release(firmware('0.1.0', { bytes: 10_000 }), { version: '0.1.0', hardware: ['other'] });
  const lamps = {
    'lamp-1': await newDevice(platform, { name: 'lamp-1', root: engineer.root }),
    'lamp-2': await newDevice(platform, { name: 'lamp-2', root: engineer.root }),
  };
  await using disposal = new AsyncDisposableStack();
  for (const lamp of Object.values(lamps)) {
    disposal.use(lamp.device);
    disposal.defer(async () => lamp.close());
    disposal.defer(async () => lamp.api.close());
    expect(await check(lamp)).toEqual({ kind: 'current' });
  }

  await engineer.release(image);
  const releasePath = 'lamp/firmware-1.0.0';
  const body = { releasePath, all: true, stages, rate: fast };
  const { campaignId } = await api.call(createCampaign, { body });
  const step = (event: 'start' | 'pause' | 'resume') =>
    api.call(changeCampaign, { params: { campaignId }, body: { event } });
  const offered = async () => {
    const query = { state: 'OFFERED' as const };
    const { actions } = await api.call(listCampaignActions, { params: { campaignId }, query });
    return actions.map(({ thingName }) => thingName);
  };
  await step('start');
  await expect.poll(offered, patience).toHaveLength(1);
  const [turn] = (await offered()) as ['lamp-1' | 'lamp-2'];
  const [first, other] =
    turn === 'lamp-1' ? [lamps['lamp-1'], lamps['lamp-2']] : [lamps['lamp-2'], lamps['lamp-1']];

  // Not its turn: it is told to stay as it is, and would not get the bytes if it asked.
  expect(await check(other)).toEqual({ kind: 'current' });
  const params = { '*': `lamp/${sha256}.firmware-1.0.0` };
  await expect(other.api.download(getDeviceTarget, { params })).rejects.toMatchObject({
    problem: { status: 403, code: 'releases.not_offered' },
  });

  await step('pause');
  expect(await check(first)).toEqual({ kind: 'current' });
  await step('resume');
  expect(await check(first)).toMatchObject({ kind: 'confirmed', version: '1.0.0' });

  // The first stage went well: the next one opens by itself.
  await expect.poll(offered, patience).toHaveLength(1);
  expect(await check(other)).toMatchObject({ kind: 'confirmed', version: '1.0.0' });
  const state = async () => (await api.call(getCampaign, { params: { campaignId } })).state;
  await expect.poll(state, patience).toBe('COMPLETED');

  // Whoever is shut out is instructed no more.
  const certificateId = parseCertificatesPem(first.identity.chain)[0]!.id;
  await api.call(revokeCertificate, { params: { certificateId }, body: {} });
  await expect(first.api.download(getInstruction, {})).rejects.toThrow();
});
