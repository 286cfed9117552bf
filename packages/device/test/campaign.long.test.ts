import { createHash, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { encodePem, parseCertificatesPem, parseCertsOnly } from '@fleetward/pki';
import {
  addGroupThing,
  changeCampaign,
  createApiClient,
  createCampaign,
  createGroup,
  createPolicy,
  deviceProtocolVersion,
  getCampaign,
  getDeviceTarget,
  getInstruction,
  listCampaignActions,
  revokeCertificate,
  sendReport,
} from '@fleetward/protocol';
import { startTestPlatform, type TestPlatform } from '@fleetward/testkit/platform';
import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OpenAgent, openAgent, parseAgentConfig } from '../src/index.ts';
import { buildCsr } from '../src/sdk/csr.ts';
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

let platform: TestPlatform;
let engineer: ReleaseEngineer;

beforeAll(async () => {
  // Since the beginning of the hour: what is seen of devices is counted by the hour.
  const past = Date.now() % 3_600_000;
  platform = await startTestPlatform({ clock: { now: () => Date.now() - past } });
  engineer = await ReleaseEngineer.start(platform.api, { isDirected: true });
});
afterAll(() => platform.stop());

/** A device whose agent runs in this process, and its starter in one of its own. */
async function newDevice(name: string) {
  const device = await RealDevice.create(
    {
      url: `https://localhost:${platform.platform.ports.devices}`,
      rootPem: platform.rootPem,
      joinToken: await platform.newJoinToken(name),
      releaseRoot: engineer.root,
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
  const { api } = platform;
  await engineer.release(firmware('0.1.0', { bytes: 10_000 }), { version: '0.1.0', hardware: ['other'] });
  const lamps = {
    'lamp-1': await newDevice('lamp-1'),
    'lamp-2': await newDevice('lamp-2'),
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

/** A device without an agent: a client of the broker that says by hand what it runs. */
async function newSensor(name: string) {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const csr = encodePem('CERTIFICATE REQUEST', buildCsr(privateKey, name));
  const joinToken = await platform.newJoinToken(name, { policies: ['sensors'] });
  const { body } = await platform.enrolCsr(csr, joinToken);
  const chain = parseCertsOnly(Buffer.from(body, 'base64'));
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const cert = chain.map(({ der }) => encodePem('CERTIFICATE', der)).join('');
  const secrets = { ca: platform.rootPem, key, cert };
  await platform.api.call(addGroupThing, { params: { groupName: 'sensors', thingName: name } });
  const { mqtt: port, devices } = platform.platform.ports;
  const options = { ...secrets, clientId: name, reconnectPeriod: 0, protocolVersion: 5 } as const;
  const client: MqttClient = await mqtt.connectAsync(`mqtts://localhost:${port}`, options);
  client.on('error', () => undefined);
  const confirm = async (version: string) => {
    const own = createApiClient({ baseUrl: `https://localhost:${devices}`, ...secrets });
    const installed = { version, securityVersion: 0 };
    const report = { protocolVersion: deviceProtocolVersion, installed };
    await own.call(sendReport, { body: { ...report, update: { outcome: 'confirmed', version } } });
    own.close();
  };
  return { name, client, confirm };
}

test('connections that devices lose after their update pause the campaign, and the others are not started', async () => {
  const { api } = platform;
  const statement = { Effect: 'Allow', Action: 'iot:*', Resource: '*' };
  const document = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  await api.call(createPolicy, { body: { policyName: 'sensors', document } });
  await api.call(createGroup, { body: { groupName: 'sensors' } });
  const names = Array.from({ length: 24 }, (_, at) => `sensor-${at}`);
  const sensors = await Promise.all(names.map(newSensor));
  await engineer.release(firmware('2.0.0', { bytes: 1_000 }), { version: '2.0.0' });

  const body = {
    releasePath: 'lamp/firmware-2.0.0',
    groupName: 'sensors',
    stages: [
      { share: { kind: 'things' as const, count: 8 }, successPercentMin: 100 },
      { share: { kind: 'percent' as const, percent: 100 }, successPercentMin: 0 },
    ],
    rate: fast,
    trouble: [{ kind: 'disconnects' as const, thingsMin: 5, deviceHoursMin: 5, timesMin: 2 }],
  };
  const { campaignId } = await api.call(createCampaign, { body });
  const params = { campaignId };
  const campaign = () => api.call(getCampaign, { params });
  const things = async (state: 'OFFERED' | 'SCHEDULED') =>
    (await api.call(listCampaignActions, { params, query: { state } })).actions.map(
      ({ thingName }) => thingName,
    );
  await api.call(changeCampaign, { params, body: { event: 'start' } });
  await expect.poll(() => things('OFFERED'), patience).toHaveLength(8);
  const offered = await things('OFFERED');
  const of = (wanted: readonly string[]) => sensors.filter(({ name }) => wanted.includes(name));
  // One is not done: the stage stays as it is.
  const [, ...updated] = of(offered);
  for (const sensor of updated) await sensor.confirm('2.0.0');
  // The others say goodbye, which is no trouble.
  for (const { client } of of(await things('SCHEDULED'))) await client.endAsync();
  for (const { client } of updated) client.stream.destroy();
  await expect.poll(async () => (await campaign()).state, patience).toBe('PAUSED');
  const { because, counts } = await campaign();
  expect(because?.trouble?.updated.troubled).toBe(7);
  expect(because?.explanation).toMatch(/^updated things lost their connection in 7 of \d device-hours/);
  expect(because?.explanation).toContain('things that wait in 0 of 16 device-hours (0 %)');
  expect(counts).toEqual({ SUCCEEDED: 7, OFFERED: 1, SCHEDULED: 16 });
  for (const { client } of sensors) client.end(true);
});
