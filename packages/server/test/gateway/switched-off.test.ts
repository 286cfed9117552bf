import { parseCertificatesPem } from '@fleetward/pki';
import { createPolicy, listDenials, setCertificateState } from '@fleetward/protocol';
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
