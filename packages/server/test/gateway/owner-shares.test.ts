import { createPolicy, getMetrics, listDenials, listTrail, revokeCertificate } from '@fleetward/protocol';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import mqtt, { type MqttClient } from 'mqtt';
import { expect, test } from 'vitest';
import { idOf } from './raw-peers.ts';

const everything = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }],
};

function connectTo(platform: TestPlatform, device: TestDevice, clientId: string): Promise<MqttClient> {
  const { key, cert } = device;
  const url = `mqtts://localhost:${platform.platform.ports.mqtt}`;
  const properties = { sessionExpiryInterval: 3_600 };
  const kept = { clean: false, properties, reconnectPeriod: 0, protocolVersion: 5 } as const;
  return mqtt.connectAsync(url, { ...kept, clientId, key, cert, ca: platform.rootPem }, false);
}

test('a device that may choose its client ids fills its own share, and the operator sees it, in the trail too', async () => {
  const mqttLimits = { sessionsMax: 50, sessionsPerOwnerMax: 2, retainedMessagesPerOwnerMax: 1 };
  await using platform = await startTestPlatform({ settings: { mqttLimits } });
  const policy = { policyName: 'everything', document: JSON.stringify(everything) };
  await platform.api.call(createPolicy, { body: policy });
  const [hostile, good] = [
    await platform.enrol('hostile', { policies: [policy.policyName] }),
    await platform.enrol('good', { policies: [policy.policyName] }),
  ];
  const connect = (device: TestDevice, clientId: string) => connectTo(platform, device, clientId);
  const limitOf = async (name: string): Promise<number> => {
    const text = Buffer.from(await platform.api.call(getMetrics, {})).toString();
    return Number(new RegExp(`^fleetward_mqtt_limits\\{limit="${name}"\\} (\\S+)$`, 'm').exec(text)?.[1]);
  };

  for (const round of [1, 2]) {
    const first = await connect(hostile, 'hostile-1');
    await (await connect(hostile, 'hostile-2')).endAsync();
    await expect(connect(hostile, `hostile-more-${round}`)).rejects.toMatchObject({ code: 0x97 });
    await first.publishAsync('state/1', 'on', { qos: 1, retain: true });
    await expect(first.publishAsync('state/2', 'on', { qos: 1, retain: true })).rejects.toThrow();
    await first.endAsync();
    const other = await connect(good, 'good');
    await other.publishAsync('state/3', 'on', { qos: 1, retain: true });
    await other.endAsync();
    expect(await limitOf('sessionsPerOwnerMax')).toBe(1);
    expect(await limitOf('retainedMessagesPerOwnerMax')).toBe(1);
    const { denials } = await platform.api.call(listDenials, { query: { cause: 'limit' } });
    expect(denials.map(({ thingName, explanation }) => [thingName, explanation])).toEqual(
      ['retainedMessagesPerOwnerMax', 'sessionsPerOwnerMax'].map((name) => [
        undefined,
        `mqtt: the setting \`mqttLimits.${name}\` was reached`,
      ]),
    );
    if (round === 1) await platform.restart();
  }
  await platform.restart(); // what was counted is written
  const { entries } = await platform.api.call(listTrail, { query: { limit: 1_000 } });
  const counts = entries
    .filter(({ entry }) => entry.kind === 'limits.aggregated')
    .map(({ payload = '' }) => Number(JSON.parse(payload).payload.count));
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(4);
});

test('a device has one share, whatever client id it chooses and however often its certificate is replaced', async () => {
  const mqttLimits = { sessionsPerOwnerMax: 1, retainedMessagesPerOwnerMax: 1 };
  await using platform = await startTestPlatform({ settings: { mqttLimits } });
  const policy = { policyName: 'everything', document: JSON.stringify(everything) };
  await platform.api.call(createPolicy, { body: policy });
  const before = await platform.enrol('hostile', { policies: [policy.policyName] });
  const first = await connectTo(platform, before, 'any');
  await first.publishAsync('state/1', 'on', { qos: 1, retain: true });
  await first.endAsync();
  await platform.api.call(revokeCertificate, { params: { certificateId: idOf(before) }, body: {} });
  const renewed = await platform.enrol('hostile', { policies: [policy.policyName] });
  await expect(connectTo(platform, renewed, 'other')).rejects.toMatchObject({ code: 0x97 });
  const again = await connectTo(platform, renewed, 'any');
  await expect(again.publishAsync('state/2', 'on', { qos: 1, retain: true })).rejects.toThrow();
  await again.endAsync();
});

test('a device that is busy on more connections than it has rates for is told of, its connections are not cut', async () => {
  const mqttLimits = { messagesPerSecondMax: 100, ratesPerOwnerMax: 1 };
  await using platform = await startTestPlatform({ settings: { mqttLimits } });
  const policy = { policyName: 'everything', document: JSON.stringify(everything) };
  await platform.api.call(createPolicy, { body: policy });
  const device = await platform.enrol('busy', { policies: [policy.policyName] });
  const clients = [await connectTo(platform, device, 'busy-1'), await connectTo(platform, device, 'busy-2')];
  const publish = (client: MqttClient) =>
    Promise.all(Array.from({ length: 90 }, () => client.publishAsync('t', 'x', { qos: 1 })));
  const isReached = async (): Promise<boolean> => {
    const text = Buffer.from(await platform.api.call(getMetrics, {})).toString();
    return /^fleetward_mqtt_limits\{limit="ratesPerOwnerMax"\} [1-9]/m.test(text);
  };
  // All of it is acknowledged in the end.
  do await Promise.all(clients.map(publish));
  while (!(await isReached()));
  const { denials } = await platform.api.call(listDenials, { query: { cause: 'limit' } });
  expect(denials.map(({ explanation }) => explanation)).toContain(
    'mqtt: the setting `mqttLimits.ratesPerOwnerMax` was reached',
  );
  for (const client of clients) await client.endAsync();
});
