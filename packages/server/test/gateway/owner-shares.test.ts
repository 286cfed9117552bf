import { createPolicy, getMetrics, listDenials, listTrail } from '@fleetward/protocol';
import { startTestPlatform, type TestDevice } from '@fleetward/testkit/platform';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { expect, test } from 'vitest';

const everything = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }],
};

test('a device that may choose its client ids fills its own share, and the operator sees it, in the trail too', async () => {
  const mqttLimits = { sessionsMax: 50, sessionsPerOwnerMax: 2, retainedMessagesPerOwnerMax: 1 };
  await using platform = await startTestPlatform({ settings: { mqttLimits } });
  const policy = { policyName: 'everything', document: JSON.stringify(everything) };
  await platform.api.call(createPolicy, { body: policy });
  const [hostile, good] = [
    await platform.enrol('hostile', { policies: [policy.policyName] }),
    await platform.enrol('good', { policies: [policy.policyName] }),
  ];
  const connect = (device: TestDevice, clientId: string, options: IClientOptions = {}): Promise<MqttClient> =>
    mqtt.connectAsync(
      `mqtts://localhost:${platform.platform.ports.mqtt}`,
      {
        clientId,
        key: device.key,
        cert: device.cert,
        ca: platform.rootPem,
        reconnectPeriod: 0,
        protocolVersion: 5,
        clean: false,
        properties: { sessionExpiryInterval: 3_600 },
        ...options,
      },
      false,
    );
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
