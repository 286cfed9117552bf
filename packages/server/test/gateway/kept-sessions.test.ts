import { parseCertificatesPem } from '@fleetward/pki';
import { createPolicy, createPolicyVersion, listDenials, revokeCertificate } from '@fleetward/protocol';
import { seededRandom } from '@fleetward/testkit';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FaultyBus, SlowLeases } from './faulty-bus.ts';
import { startGatewayPair } from './gateway-pair.ts';

const kept = { clean: false, properties: { sessionExpiryInterval: 3_600 } };

function idOf({ cert }: TestDevice) {
  return parseCertificatesPem(cert)[0]!.id;
}

function policyFor(topics: string): string {
  const arn = 'arn:aws:iot:REGION:ACCOUNT_ID:';
  const allow = (Action: string, ...Resource: readonly string[]) => ({ Effect: 'Allow', Action, Resource });
  const Statement = [
    allow('iot:Connect', `${arn}client/\${iot:Connection.Thing.ThingName}`),
    allow('iot:Publish', `${arn}topic/*`),
    allow('iot:Subscribe', `${arn}topicfilter/*`),
    allow('iot:Receive', `${arn}topic/${topics}`),
  ];
  return JSON.stringify({ Version: '2012-10-17', Statement });
}

describe('a kept session of a platform', () => {
  let platform: TestPlatform;
  let pump: TestDevice;
  let controller: TestDevice;

  beforeAll(async () => {
    platform = await startTestPlatform({ settings: { mqttLimits: { queuedMessagesMax: 100 } } });
    await platform.api.call(createPolicy, { body: { policyName: 'all', document: policyFor('*') } });
    pump = await platform.enrol('pump', { policies: ['all'] });
    controller = await platform.enrol('controller', { policies: ['all'] });
  });
  afterAll(() => platform.stop());

  async function connect(device: TestDevice, texts: string[] = []) {
    const client = mqtt.connect(`mqtts://localhost:${platform.platform.ports.mqtt}`, {
      ca: platform.rootPem,
      key: device.key,
      cert: device.cert,
      clientId: device.thingName,
      reconnectPeriod: 0,
      protocolVersion: 5,
      ...kept,
    });
    client.on('message', (_topic, payload) => texts.push(String(payload)));
    const connack = await new Promise<{ sessionPresent: boolean }>((resolve, reject) => {
      client.once('connect', resolve);
      client.once('error', reject);
    });
    return { client, isPresent: connack.sessionPresent };
  }

  async function subscribeAndLeave(topic: string): Promise<void> {
    const { client } = await connect(pump);
    await client.subscribeAsync(topic, { qos: 2 });
    await client.endAsync();
  }

  async function command(...texts: readonly string[]): Promise<void> {
    const { client } = await connect(controller);
    for (const text of texts) await client.publishAsync('commands/pump', text, { qos: 2 });
    await client.endAsync();
  }

  test('outlives a restart of the platform, and belongs to the thing, whatever certificate it has', async () => {
    await subscribeAndLeave('commands/pump');
    await command('1', '2');
    await platform.restart();
    await command('3');
    await platform.api.call(revokeCertificate, {
      params: { certificateId: idOf(pump) },
      body: { wait: true },
    });
    await command('not kept for who is revoked');
    pump = await platform.enrol('pump', { policies: ['all'] });
    const texts: string[] = [];
    const { client, isPresent } = await connect(pump, texts);
    expect(isPresent).toBe(true);
    await expect.poll(() => texts).toEqual(['1', '2', '3']);
    await client.endAsync();
  });

  test('follows a change of the policy while its device is away', async () => {
    await subscribeAndLeave('commands/pump');
    await command('kept');
    const params = { policyName: 'all' };
    await platform.api.call(createPolicyVersion, {
      params,
      body: { document: policyFor('other'), setAsDefault: true },
    });
    await command('denied');
    await platform.api.call(createPolicyVersion, {
      params,
      body: { document: policyFor('*'), setAsDefault: true },
    });
    await command('allowed');
    const texts: string[] = [];
    const { client } = await connect(pump, texts);
    await expect.poll(() => texts).toEqual(['kept', 'allowed']);
    await client.endAsync();
  });

  test('that is owed too much ends, and the operator reads which limit it was', async () => {
    await subscribeAndLeave('commands/pump');
    await command(...Array.from({ length: 101 }, (_, index) => String(index)));
    const { denials } = await platform.api.call(listDenials, { query: { limit: 1 } });
    expect(denials[0]).toMatchObject({ cause: 'limit', clientId: 'pump' });
    expect(denials[0]?.explanation).toContain('mqttLimits.queuedMessagesMax');
    const { client, isPresent } = await connect(pump);
    expect(isPresent).toBe(false);
    await client.endAsync();
  });
});

test('a revocation freezes the sessions of the certificate at every gateway: nothing more is kept for them', async () => {
  const bus = new FaultyBus();
  const pair = await startGatewayPair({ bus, leases: new SlowLeases(seededRandom('leases')) });
  const clients: MqttClient[] = [];
  try {
    const [pump, controller] = [await pair.enrol('pump'), await pair.enrol('controller')];
    for (const at of [0, 1] as const) {
      const client = await pair.connect(at, pump, `pump-${at}`, kept);
      await client.subscribeAsync('commands', { qos: 1 });
      await client.endAsync();
      clients.push(await pair.connect(at, controller, `controller-${at}`));
    }
    const stored = () => pair.gateways.map(({ broker }) => broker.metrics().storedMessages);
    await clients[0]!.publishAsync('commands', '1', { qos: 1 });
    bus.inOrder();
    expect(stored()).toEqual([1, 1]);
    pair.gateways[0].revoke(pump.certificateId);
    bus.inOrder();
    for (const client of clients) await client.publishAsync('commands', '2', { qos: 1 });
    bus.inOrder();
    expect(stored()).toEqual([1, 1]);
  } finally {
    for (const client of clients) await client.endAsync(true);
    await pair.stop();
  }
});

test('the removal of a CA freezes the sessions of devices that are connected as well: nothing more is kept for them', async () => {
  const pair = await startGatewayPair({
    bus: new FaultyBus(),
    leases: new SlowLeases(seededRandom('removed')),
  });
  try {
    const [gateway] = pair.gateways;
    const pump = await pair.enrol('pump');
    const client = await pair.connect(0, pump, 'pump', kept);
    await client.subscribeAsync('commands', { qos: 1 });
    await pair.removeIssuers();
    expect(gateway.recheck()).toEqual({ sessionsCut: 1, queuesFrozen: 1 });
    gateway.broker.publish('commands', Buffer.from('1'), { qos: 1 });
    expect(gateway.broker.metrics().storedMessages).toBe(0);
    await client.endAsync(true);
  } finally {
    await pair.stop();
  }
});
