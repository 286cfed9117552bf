import { createPolicy, createThing, getActivity, getMetrics } from '@fleetward/protocol';
import { needs, startPostgres } from '@fleetward/testkit';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';

const arn = (tail: string) => `arn:aws:iot:REGION:ACCOUNT_ID:${tail}`;
const document = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: ['iot:Connect', 'iot:Subscribe'], Resource: '*' },
    { Effect: 'Allow', Action: ['iot:Publish', 'iot:Receive'], Resource: arn('topic/open/*') },
  ],
});

async function savePolicy({ api }: TestPlatform): Promise<void> {
  await api.call(createPolicy, { body: { policyName: 'open', document } });
}

function connect({ platform, rootPem }: TestPlatform, device: TestDevice): Promise<MqttClient> {
  return connectAsync(`mqtts://localhost:${platform.ports.mqtt}`, {
    ca: rootPem,
    key: device.key,
    cert: device.cert,
    clientId: device.thingName,
    reconnectPeriod: 0,
    protocolVersion: 5,
  });
}

async function activityOf({ api }: TestPlatform, thingName: string) {
  const { entries } = await api.call(getActivity, { params: { thingName } });
  return entries.map(({ action, outcome, resource, count }) => `${outcome} ${action} ${resource} ${count}`);
}

needs('openssl', 'openssl').describe('what a thing does', () => {
  let platform: TestPlatform;
  beforeAll(async () => {
    platform = await startTestPlatform();
    await savePolicy(platform);
  });
  afterAll(() => platform.stop());

  test('is known while it is connected: allowed and denied, with counts, and kept over a restart', async () => {
    const device = await platform.enrol('pump', { policies: ['open'] });
    const client = await connect(platform, device);
    await client.subscribeAsync('open/#', { qos: 1 });
    for (let count = 0; count < 5; count++) await client.publishAsync('open/pump', 'x', { qos: 1 });
    await expect(client.publishAsync('closed', 'x', { qos: 1 })).rejects.toThrow();
    const expected = [
      'allowed iot:Connect client/pump 1',
      'allowed iot:Publish topic/open/pump 5',
      'allowed iot:Receive topic/open/pump 5',
      'allowed iot:Subscribe topicfilter/open/# 1',
      'denied iot:Publish topic/closed 1',
    ];
    await expect.poll(async () => (await activityOf(platform, 'pump')).toSorted()).toEqual(expected);
    await client.endAsync(true);
    expect(await platform.api.call(getMetrics)).toBeDefined();
    await platform.restart();
    expect((await activityOf(platform, 'pump')).toSorted()).toEqual(expected);
  });

  test('is nothing for a thing that did nothing, and asked of one that is not there refused', async () => {
    await platform.api.call(createThing, { body: { thingName: 'idle' } });
    expect(await activityOf(platform, 'idle')).toEqual([]);
    await expect(activityOf(platform, 'none')).rejects.toMatchObject({
      problem: { code: 'things.not_found' },
    });
  });
});

needs('initdb', 'postgresql').describe('what a thing does, on PostgreSQL', () => {
  test('is kept over a restart', async () => {
    await using postgres = await startPostgres();
    await using platform = await startTestPlatform({
      settings: { storage: postgres.storage },
    });
    await savePolicy(platform);
    const client = await connect(platform, await platform.enrol('pump', { policies: ['open'] }));
    await client.publishAsync('open/pump', 'x', { qos: 1 });
    await client.endAsync();
    await platform.restart();
    expect(await activityOf(platform, 'pump')).toEqual([
      'allowed iot:Connect client/pump 1',
      'allowed iot:Publish topic/open/pump 1',
    ]);
  });
});
