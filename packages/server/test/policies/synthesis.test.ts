import {
  addGroupThing,
  attachGroupPolicy,
  createGroup,
  createPolicy,
  createPolicyVersion,
  createThing,
  synthesisePolicyDocument,
} from '@fleetward/protocol';
import { needs } from '@fleetward/testkit';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';

const everything = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }],
});

needs('openssl', 'openssl').describe('a synthesised policy', () => {
  let platform: TestPlatform;
  const devices: TestDevice[] = [];

  beforeAll(async () => {
    platform = await startTestPlatform();
    const { api } = platform;
    await api.call(createPolicy, { body: { policyName: 'ovens', document: everything } });
    await api.call(createGroup, { body: { groupName: 'site' } });
    await api.call(createGroup, { body: { groupName: 'ovens', parentName: 'site' } });
    await api.call(attachGroupPolicy, { params: { policyName: 'ovens', groupName: 'site' } });
    for (const thingName of ['oven-1', 'oven-2']) {
      devices.push(await platform.enrol(thingName));
      await api.call(addGroupThing, { params: { groupName: 'ovens', thingName } });
    }
  });
  afterAll(() => platform.stop());

  function connect({ thingName, key, cert }: TestDevice): Promise<MqttClient> {
    return connectAsync(`mqtts://localhost:${platform.platform.ports.mqtt}`, {
      ca: platform.rootPem,
      key,
      cert,
      clientId: thingName,
      reconnectPeriod: 0,
      protocolVersion: 5,
    });
  }

  async function work(device: TestDevice): Promise<void> {
    const client = await connect(device);
    await client.subscribeAsync(`orders/${device.thingName}/#`, { qos: 1 });
    await client.publishAsync(`heat/${device.thingName}`, '1', { qos: 1 });
    await client.publishAsync('bell', '1', { qos: 1 });
    await client.endAsync(true);
  }

  const synthesise = (body: object) => platform.api.call(synthesisePolicyDocument, { body });

  test('of things that did nothing is refused, and so is one of nobody or of two', async () => {
    await platform.api.call(createThing, { body: { thingName: 'idle' } });
    const codeOf = (body: object) =>
      synthesise(body).then(
        () => 'done',
        (error: { readonly problem?: { readonly code: string } }) => error.problem?.code,
      );
    expect(await codeOf({ thingName: 'idle' })).toBe('policies.nothing_recorded');
    expect(await codeOf({})).toBe('policies.invalid_request');
    expect(await codeOf({ thingName: 'idle', groupName: 'ovens' })).toBe('policies.invalid_request');
    expect(await codeOf({ groupName: 'none' })).toBe('groups.not_found');
    expect(await codeOf({ policyName: 'none' })).toBe('policies.not_found');
  });

  test('is the same from the group, the group above it and the policy, and lets the things do just what they did', async () => {
    for (const device of devices) await work(device);
    const answer = await synthesise({ groupName: 'ovens' });
    const NAME = '${iot:Connection.Thing.ThingName}';
    expect(
      answer.statements.map(({ action, resources }) => [
        action,
        resources.map(({ resource, things }) => [resource, things]),
      ]),
    ).toEqual([
      ['iot:Connect', [[`client/${NAME}`, 2]]],
      ['iot:Publish', [['topic/bell', 2]]],
      ['iot:Publish', [[`topic/heat/${NAME}`, 2]]],
      ['iot:Subscribe', [[`topicfilter/orders/${NAME}/#`, 2]]],
    ]);
    expect(answer).toMatchObject({ warnings: [], things: { sharing: 2, active: 2, lookedAt: 2 } });
    expect(answer.beyond.isExact).toBe(true);
    expect(answer.beyond.additions).toContainEqual(
      expect.objectContaining({ actions: expect.arrayContaining(['iot:Publish']), resources: ['*'] }),
    );
    for (const same of [{ groupName: 'site' }, { policyName: 'ovens' }])
      expect((await synthesise(same)).document).toBe(answer.document);
    expect((await synthesise({ thingName: 'oven-1' })).things.active).toBe(1);
    const saved = await platform.api.call(createPolicyVersion, {
      params: { policyName: 'ovens' },
      body: { document: answer.document, setAsDefault: true },
    });
    expect(saved.findings.filter(({ severity }) => severity === 'error')).toEqual([]);
    for (const device of devices) await work(device);
    expect((await synthesise({ policyName: 'ovens' })).beyond).toEqual({ isExact: true, additions: [] });
    const client = await connect(devices[0]!);
    await expect(client.publishAsync('heat/oven-2', '1', { qos: 1 })).rejects.toThrow();
    await expect(client.subscribeAsync('orders/oven-2/#')).rejects.toThrow();
    await client.endAsync(true);
  });

  test('has nothing that was last seen before the time it is asked for', async () => {
    const sinceMs = Date.now() + 60_000;
    await expect(synthesise({ groupName: 'ovens', sinceMs })).rejects.toMatchObject({
      problem: { code: 'policies.nothing_recorded' },
    });
  });
});
