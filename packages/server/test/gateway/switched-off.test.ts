import { parseCertificatesPem } from '@fleetward/pki';
import {
  createPolicy,
  getThing,
  listDenials,
  setCertificateState,
  setThingState,
  testPolicy,
} from '@fleetward/protocol';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';

const statement = { Effect: 'Allow', Action: 'iot:*', Resource: '*' };
const anything = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
let platform: TestPlatform;
let pump: TestDevice;
let controller: TestDevice;

beforeAll(async () => {
  platform = await startTestPlatform({});
  await platform.api.call(createPolicy, { body: { policyName: 'all', document: anything } });
  pump = await platform.enrol('pump', { policies: ['all'] });
  controller = await platform.enrol('controller', { policies: ['all'] });
});
afterAll(() => platform.stop());

async function connect(device: TestDevice, texts: string[] = []): Promise<MqttClient> {
  const client = mqtt.connect(`mqtts://localhost:${platform.platform.ports.mqtt}`, {
    ca: platform.rootPem,
    key: device.key,
    cert: device.cert,
    clientId: device.thingName,
    reconnectPeriod: 0,
    protocolVersion: 5,
    clean: false,
    properties: { sessionExpiryInterval: 3_600 },
  });
  client.on('message', (_topic, payload) => texts.push(String(payload)));
  client.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('close', () => reject(new Error('closed before CONNACK')));
  });
  return client;
}

async function command(text: string): Promise<void> {
  const client = await connect(controller);
  await client.publishAsync('commands/pump', text, { qos: 1 });
  await client.endAsync();
}

function setState(state: 'ACTIVE' | 'INACTIVE') {
  const certificateId = parseCertificatesPem(pump.cert)[0]!.id;
  return platform.api.call(setCertificateState, { params: { certificateId }, body: { state } });
}

test('a device that is switched off is cut, refused and told nothing until it is switched on again', async () => {
  const client = await connect(pump);
  await client.subscribeAsync('commands/pump', { qos: 1 });
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
  expect(await setState('INACTIVE')).toMatchObject({ outcome: 'changed', sessionsCut: 1 });
  await closed;
  await command('while it is off');
  await expect(connect(pump)).rejects.toThrow('closed before CONNACK');
  const { denials } = await platform.api.call(listDenials, { query: { limit: 1 } });
  expect(denials[0]).toMatchObject({ cause: 'certificate_inactive' });

  await setState('ACTIVE');
  await command('once it is on again');
  const texts: string[] = [];
  const again = await connect(pump, texts);
  await expect.poll(() => texts).toEqual(['once it is on again']);
  await again.endAsync();
});

test('what was owed before it was switched off is still owed when it is on again', async () => {
  const client = await connect(pump);
  await client.endAsync();
  await command('before');
  await setState('INACTIVE');
  await platform.restart();
  await command('while it is off');
  await setState('ACTIVE');
  const texts: string[] = [];
  const again = await connect(pump, texts);
  await expect.poll(() => texts).toEqual(['before']);
  await again.endAsync();
});

const statesOf = async (): Promise<string> =>
  (await platform.api.call(getThing, { params: { thingName: 'pump' } })).lifecycleState;
const become = (lifecycleState: 'active' | 'quarantined' | 'retired') =>
  platform.api.call(setThingState, { params: { thingName: 'pump' }, body: { lifecycleState } });
const lastCause = async () =>
  (await platform.api.call(listDenials, { query: { limit: 1 } })).denials[0]?.cause;

/** A request that its certificate would allow. */
async function overHttps(): Promise<boolean> {
  const socket = await platform.connectTls({
    key: pump.key,
    cert: pump.cert,
    port: platform.platform.ports.devices,
  });
  socket.on('error', () => undefined);
  const host = 'Host: localhost\r\nConnection: close\r\n';
  socket.write(`GET /.well-known/est/cacerts HTTP/1.1\r\n${host}\r\n`);
  let answer = '';
  for await (const chunk of socket.iterator({ destroyOnReturn: true })) answer += String(chunk);
  return answer.startsWith('HTTP/1.1 200');
}

test('a thing becomes active when its device comes for the first time', async () => {
  const sensor = await platform.enrol('sensor', { policies: ['all'] });
  const state = async () =>
    (await platform.api.call(getThing, { params: { thingName: 'sensor' } })).lifecycleState;
  expect(await state()).toBe('provisioned');
  await (await connect(sensor)).endAsync();
  await expect.poll(state).toBe('active');
});

test('a quarantined thing is cut in the tick of the commit and refused over every protocol, also after a restart', async () => {
  const client = await connect(pump);
  await client.subscribeAsync('commands/pump', { qos: 1 });
  expect(await overHttps()).toBe(true);
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
  await become('quarantined');
  await closed;
  const refused = async () => {
    await expect(connect(pump)).rejects.toThrow('closed before CONNACK');
    expect(await lastCause()).toBe('thing_shut_out');
    expect(await overHttps().catch(() => false)).toBe(false);
  };
  await refused();
  await command('while it is in quarantine');
  await platform.restart();
  await refused();
  const certificateId = parseCertificatesPem(pump.cert)[0]!.id;
  const { results } = await platform.api.call(testPolicy, {
    body: {
      certificateId,
      clientId: 'pump',
      requests: [{ action: 'iot:Connect', resource: 'client/pump' }],
    },
  });
  expect(results[0]?.explanation).toContain('`lifecycle state quarantined`');

  await become('active');
  await command('once it is back');
  const texts: string[] = [];
  const again = await connect(pump, texts);
  await expect.poll(() => texts).toEqual(['once it is back']);
  await again.endAsync();
});

test('a retired thing stays out for ever', async () => {
  await become('retired');
  await expect(connect(pump)).rejects.toThrow('closed before CONNACK');
  await expect(become('active')).rejects.toMatchObject({
    problem: { code: 'things.state_refused' },
  });
  expect(await statesOf()).toBe('retired');
});
