import { createPolicy, getMetrics } from '@fleetward/protocol';
import { startTestPlatform, type TestDevice } from '@fleetward/testkit/platform';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { expect, test } from 'vitest';

const everything = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }],
};

test('what a device that is away is owed outlives a restart, and the metrics say how much it is', async () => {
  await using platform = await startTestPlatform();
  const policy = { policyName: 'everything', document: JSON.stringify(everything) };
  await platform.api.call(createPolicy, { body: policy });
  const [pump, sensor] = [
    await platform.enrol('pump', { policies: [policy.policyName] }),
    await platform.enrol('sensor', { policies: [policy.policyName] }),
  ];
  const connect = (device: TestDevice, options: IClientOptions = {}): Promise<MqttClient> =>
    mqtt.connectAsync(`mqtts://localhost:${platform.platform.ports.mqtt}`, {
      clientId: device.thingName,
      key: device.key,
      cert: device.cert,
      ca: platform.rootPem,
      reconnectPeriod: 0,
      ...options,
    });
  const stored = async (figure: string): Promise<number> => {
    const text = Buffer.from(await platform.api.call(getMetrics, {})).toString();
    const found = new RegExp(`^fleetward_messages_file\\{figure="${figure}"\\} (\\S+)$`, 'm').exec(text);
    return Number(found?.[1]);
  };

  const first = await connect(pump, { clean: false });
  await first.subscribeAsync('commands/#', { qos: 1 });
  await first.endAsync();
  expect(await stored('messages')).toBe(0);
  const sender = await connect(sensor);
  for (const payload of ['one', 'two']) await sender.publishAsync('commands/pump', payload, { qos: 1 });
  await sender.endAsync();
  expect(await stored('messages')).toBe(2);
  expect(await stored('commits')).toBeGreaterThan(0);
  expect(await stored('fileBytes')).toBeGreaterThan(4096);

  await platform.restart();
  expect(await stored('messages')).toBe(2);
  const back = mqtt.connect(`mqtts://localhost:${platform.platform.ports.mqtt}`, {
    clientId: pump.thingName,
    key: pump.key,
    cert: pump.cert,
    ca: platform.rootPem,
    reconnectPeriod: 0,
    clean: false,
  });
  const received: string[] = [];
  back.on('message', (_topic, payload) => received.push(payload.toString()));
  await expect.poll(() => received, { timeout: 10_000 }).toEqual(['one', 'two']);
  await expect.poll(() => stored('messages'), { timeout: 10_000 }).toBe(0);
  await back.endAsync();
});
