import { createPolicy, listDenials } from '@fleetward/protocol';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';

const arn = (resource: string) => `arn:aws:iot:REGION:ACCOUNT_ID:${resource}`;
const allow = (Action: string, resource: string) => ({ Effect: 'Allow', Action, Resource: arn(resource) });
const deny = (Action: string, resource: string) => ({ Effect: 'Deny', Action, Resource: arn(resource) });
const base = [allow('iot:Connect', 'client/*'), allow('iot:Subscribe', 'topicfilter/$share/*')];
const topic = 'topic/jobs/1';
const shared = 'topic/$share/*/jobs/1';

/** What each worker's policy says of Receive, and whether its member of a group is given the message. */
const workers = {
  'topic-allowed': [[allow('iot:Receive', topic)], true],
  'shared-allowed': [[allow('iot:Receive', shared)], true],
  'both-allowed': [[allow('iot:Receive', topic), allow('iot:Receive', shared)], true],
  'shared-denied': [[allow('iot:Receive', topic), deny('iot:Receive', shared)], false],
  'topic-denied': [[allow('iot:Receive', shared), deny('iot:Receive', topic)], false],
  neither: [[], false],
} as const;

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startTestPlatform();
});
afterAll(() => platform.stop());

async function enrol(name: string, statements: readonly object[]): Promise<TestDevice> {
  const document = JSON.stringify({ Version: '2012-10-17', Statement: [...base, ...statements] });
  await platform.api.call(createPolicy, { body: { policyName: name, document } });
  return platform.enrol(name, { policies: [name] });
}

async function connect(device: TestDevice): Promise<MqttClient> {
  return mqtt.connectAsync(`mqtts://localhost:${platform.platform.ports.mqtt}`, {
    ca: platform.rootPem,
    key: device.key,
    cert: device.cert,
    clientId: device.thingName,
    reconnectPeriod: 0,
    protocolVersion: 5,
  });
}

test('a member of a shared subscription receives what one of its two names allows and neither denies', async () => {
  const received = new Set<string>();
  const clients: MqttClient[] = [];
  for (const [name, [statements]] of Object.entries(workers)) {
    const client = await connect(await enrol(name, statements));
    client.on('message', () => received.add(name));
    await client.subscribeAsync(`$share/${name}/jobs/+`, { qos: 1 });
    clients.push(client);
  }
  const sender = await connect(await enrol('sender', [allow('iot:Publish', 'topic/jobs/*')]));
  await sender.publishAsync('jobs/1', 'x', { qos: 1 });
  const due = Object.entries(workers).flatMap(([name, [, isGiven]]) => (isGiven ? [name] : []));
  while (received.size < due.length) await new Promise((resolve) => setImmediate(resolve));
  for (const client of [...clients, sender]) await client.endAsync();
  expect([...received].sort()).toEqual([...due].sort());
  const { denials } = await platform.api.call(listDenials, { query: { limit: 20 } });
  const refused = denials.filter(({ cause }) => cause === 'receive_denied');
  expect(Object.fromEntries(refused.map(({ clientId, resource }) => [clientId, resource]))).toEqual({
    'shared-denied': '$share/shared-denied/jobs/1',
    'topic-denied': 'jobs/1',
    neither: 'jobs/1',
  });
});

test('Subscribe is decided on the whole shared filter', async () => {
  const document = {
    Version: '2012-10-17',
    Statement: [allow('iot:Connect', 'client/*'), allow('iot:Subscribe', 'topicfilter/jobs/+')],
  };
  await platform.api.call(createPolicy, {
    body: { policyName: 'plain', document: JSON.stringify(document) },
  });
  const client = await connect(await platform.enrol('plain', { policies: ['plain'] }));
  await expect(client.subscribeAsync('$share/g/jobs/+')).rejects.toThrow();
  await client.subscribeAsync('jobs/+');
  await client.endAsync();
});
