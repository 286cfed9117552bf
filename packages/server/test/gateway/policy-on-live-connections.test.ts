import { parseCertificatesPem } from '@fleetward/pki';
import {
  attachPolicy,
  closeConnection,
  createPolicy,
  createPolicyVersion,
  createThing,
  detachPolicy,
  listConnections,
  listDenials,
  listTrail,
  revokeCertificate,
  transferCertificate,
} from '@fleetward/protocol';
import { FakeClock, mosquittoClients, needs } from '@fleetward/testkit';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { askOverHttps } from '../shadows/device.ts';

/** The document as AWS publishes it for a device that sends telemetry and takes commands. */
const published = {
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Action: ['iot:Connect'],
      Resource: ['arn:aws:iot:REGION:ACCOUNT_ID:client/${iot:Connection.Thing.ThingName}'],
    },
    {
      Effect: 'Allow',
      Action: ['iot:Publish', 'iot:Receive'],
      Resource: ['arn:aws:iot:REGION:ACCOUNT_ID:topic/telemetry/${iot:Connection.Thing.ThingName}'],
    },
    {
      Effect: 'Allow',
      Action: ['iot:Subscribe'],
      Resource: ['arn:aws:iot:REGION:ACCOUNT_ID:topicfilter/commands/${iot:Connection.Thing.ThingName}'],
    },
  ],
};
const receivesCommands = {
  ...published,
  Statement: [
    ...published.Statement,
    {
      Effect: 'Allow',
      Action: ['iot:Receive'],
      Resource: ['arn:aws:iot:REGION:ACCOUNT_ID:topic/commands/${iot:Connection.Thing.ThingName}'],
    },
  ],
};
const commander = {
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: 'iot:Connect', Resource: 'arn:aws:iot:REGION:ACCOUNT_ID:client/*' },
    { Effect: 'Allow', Action: 'iot:Publish', Resource: 'arn:aws:iot:REGION:ACCOUNT_ID:topic/commands/*' },
  ],
};

const onReserved = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: 'iot:Publish', Resource: 'arn:aws:iot:REGION:ACCOUNT_ID:topic/$aws/*' },
  ],
});

let platform: TestPlatform;
let pump: TestDevice;
let controller: TestDevice;

beforeAll(async () => {
  platform = await startTestPlatform();
  const saved = await platform.api.call(createPolicy, {
    body: { policyName: 'device', document: JSON.stringify(published) },
  });
  expect(saved.findings.map(({ id }) => id)).toContain('subscribe-without-receive');
  expect(JSON.stringify(saved.notes)).toContain('ACCOUNT_ID');
  await platform.api.call(createPolicy, {
    body: { policyName: 'commander', document: JSON.stringify(commander) },
  });
  pump = await platform.enrol('pump', { policies: ['device'] });
  controller = await platform.enrol('controller', { policies: ['commander'] });
});
afterAll(() => platform.stop());

type ClientOptions = Pick<IClientOptions, 'clientId' | 'protocolVersion' | 'will'>;

/** Rejects when the platform refuses or cuts the connection: MQTT.js by itself would wait for ever for a CONNACK. */
function connect(device: TestDevice, options: ClientOptions = {}): Promise<MqttClient> {
  const client = mqtt.connect(`mqtts://localhost:${platform.platform.ports.mqtt}`, {
    ca: platform.rootPem,
    key: device.key,
    cert: device.cert,
    clientId: device.thingName,
    reconnectPeriod: 0,
    protocolVersion: 5,
    ...options,
  });
  return new Promise((resolve, reject) => {
    client.once('connect', () => resolve(client));
    client.once('error', reject);
    client.once('close', () => reject(new Error('closed before CONNACK')));
  });
}

function closed(client: MqttClient): Promise<void> {
  return new Promise((resolve) => {
    client.once('close', () => resolve());
  });
}

/** A denied PUBLISH: MQTT 3.1.1 has no answer for it but the end of the connection. */
async function publishDenied(client: MqttClient, topic: string): Promise<void> {
  const cut = closed(client);
  const answered = client.publishAsync(topic, 'x', { qos: 1 });
  if (client.options.protocolVersion === 5) await expect(answered).rejects.toThrow();
  else
    await Promise.race([
      cut,
      answered.then(
        () => Promise.reject(new Error('acknowledged')),
        () => cut,
      ),
    ]);
}

async function lastDenial() {
  return (await platform.api.call(listDenials, { query: { limit: 1 } })).denials[0];
}

function idOf(device: TestDevice) {
  return parseCertificatesPem(device.cert)[0]!.id;
}

describe.each([4, 5] as const)('over MQTT version %i of the protocol level', (protocolVersion) => {
  test('a device may connect as its thing and as nobody else', async () => {
    const client = await connect(pump, { protocolVersion });
    const { connections } = await platform.api.call(listConnections, { query: { thingName: 'pump' } });
    expect(connections).toMatchObject([{ clientId: 'pump', thingName: 'pump', certificateId: idOf(pump) }]);
    await client.endAsync();
    await expect(connect(pump, { protocolVersion, clientId: 'controller' })).rejects.toThrow();
    const denial = await lastDenial();
    expect(denial).toMatchObject({ cause: 'connect_denied', action: 'iot:Connect', resource: 'controller' });
    // The client id is not the thing's name, so the thing's variables do not resolve.
    expect(denial?.explanation).toContain('iot:Connection.Thing.ThingName');
  });

  test('publishing its own telemetry is allowed, to another’s topic denied and explained', async () => {
    const client = await connect(pump, { protocolVersion });
    await client.publishAsync('telemetry/pump', '{"rpm":900}', { qos: 1 });
    await publishDenied(client, 'telemetry/other');
    expect(await lastDenial()).toMatchObject({
      cause: 'publish_denied',
      thingName: 'pump',
      action: 'iot:Publish',
      resource: 'telemetry/other',
    });
    expect((await lastDenial())?.explanation).toContain('were `other` instead of `pump`');
    await client.endAsync(true);
  });

  test('subscribing to everything is denied and explained', async () => {
    const client = await connect(pump, { protocolVersion });
    await expect(client.subscribeAsync('#', { qos: 1 })).rejects.toThrow();
    expect(await lastDenial()).toMatchObject({
      cause: 'subscribe_denied',
      action: 'iot:Subscribe',
      resource: '#',
    });
    await client.endAsync(true);
  });
});

test('a new version of the policy takes effect on the live connection, and so does its detachment', async () => {
  const client = await connect(pump);
  const sender = await connect(controller);
  const received: string[] = [];
  client.on('message', (_topic, payload) => received.push(payload.toString()));
  await client.subscribeAsync('commands/pump', { qos: 1 });

  await sender.publishAsync('commands/pump', 'withheld', { qos: 1 });
  await expect.poll(async () => (await lastDenial())?.cause).toBe('receive_denied');
  expect(received).toEqual([]);

  await platform.api.call(createPolicyVersion, {
    params: { policyName: 'device' },
    body: { document: JSON.stringify(receivesCommands), setAsDefault: true },
  });
  await sender.publishAsync('commands/pump', 'arrives', { qos: 1 });
  await expect.poll(() => received).toEqual(['arrives']);

  const cut = closed(client);
  await platform.api.call(detachPolicy, { params: { policyName: 'device', certificateId: idOf(pump) } });
  await cut;
  await expect(connect(pump)).rejects.toThrow();
  await platform.api.call(attachPolicy, { params: { policyName: 'device', certificateId: idOf(pump) } });
  await (await connect(pump)).endAsync(true);
  await sender.endAsync(true);
});

test('the last will is held to the policy at CONNECT', async () => {
  const will = { payload: Buffer.from('gone'), qos: 0 as const, retain: false };
  await expect(connect(pump, { will: { ...will, topic: 'telemetry/other' } })).rejects.toThrow();
  expect(await lastDenial()).toMatchObject({ cause: 'publish_denied', resource: 'telemetry/other' });
  await (await connect(pump, { will: { ...will, topic: 'telemetry/pump' } })).endAsync(true);
});

test('a last will to a reserved topic is refused with its CONNECT, whatever the policy', async () => {
  const document = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }],
  });
  await platform.api.call(createPolicy, { body: { policyName: 'anything-and-wills', document } });
  const device = await platform.enrol('mourner', { policies: ['anything-and-wills'] });
  const topic = '$aws/things/pump/jobs/notify';
  const will = { topic, payload: Buffer.from('forged'), qos: 0 as const, retain: false };
  for (const protocolVersion of [4, 5] as const)
    await expect(connect(device, { protocolVersion, will })).rejects.toThrow();
  expect(await lastDenial()).toMatchObject({
    cause: 'publish_denied',
    clientId: 'mourner',
    action: 'iot:Publish',
    resource: topic,
  });
});

test('a device cannot speak as the platform on reserved topics, whatever its policy', async () => {
  await platform.api.call(createPolicy, {
    body: {
      policyName: 'all',
      document: JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }],
      }),
    },
  });
  const device = await platform.enrol('greedy', { policies: ['all'] });
  const client = await connect(device);
  const received: string[] = [];
  client.on('message', (topic) => received.push(topic));
  await client.subscribeAsync('$aws/events/#', { qos: 1 });
  await client.publishAsync('$aws/events/presence/connected/pump', '{}', { qos: 1 });
  expect(await lastDenial()).toMatchObject({
    cause: 'publish_denied',
    resource: '$aws/events/presence/connected/pump',
  });
  // What the platform itself says of it.
  expect(received).toEqual(['$aws/events/subscriptions/subscribed/greedy']);
  await client.endAsync(true);
});

test('publishing over HTTPS is decided by the same policies, and refused on every reserved topic', async () => {
  await platform.api.call(createPolicy, { body: { policyName: 'reserved', document: onReserved } });
  const poster = await platform.enrol('poster', { policies: ['commander', 'reserved'] });
  const publish = async (topic: string) => {
    const path = `/topics/${encodeURIComponent(topic)}?qos=1`;
    return (await askOverHttps(platform, poster, { method: 'POST', path, body: 'posted' })).status;
  };
  const reserved = '$aws/things/poster/shadow/update';
  expect(await publish('commands/poster')).toBe(200);
  expect(await publish('telemetry/pump')).toBe(403);
  expect(await publish(reserved)).toBe(403);
  const { denials } = await platform.api.call(listDenials, { query: { limit: 2 } });
  expect(denials.map(({ cause, resource }) => [cause, resource])).toEqual([
    ['publish_denied', reserved],
    ['publish_denied', 'telemetry/pump'],
  ]);
});

test('revoking cuts the live connection, refuses the next, and tells the times of each step', async () => {
  const device = await platform.enrol('doomed', { policies: ['commander'] });
  const client = await connect(device);
  const cut = closed(client);
  const outcome = await platform.api.call(revokeCertificate, {
    params: { certificateId: idOf(device) },
    body: { reason: 'keyCompromise' },
  });
  await cut;
  expect(outcome.steps.map(({ step }) => step)).toEqual([
    'requested',
    'journalled',
    'committed',
    'in-force',
    'sessions-cut',
    'crl-signed',
  ]);
  expect(outcome.sessionsCut).toBe(1);
  await expect(connect(device)).rejects.toThrow();
  expect(await lastDenial()).toMatchObject({ cause: 'certificate_revoked' });
});

test('transferring a certificate cuts the live connection, and its device is the other thing from then on', async () => {
  const device = await platform.enrol('before-transfer', { policies: ['commander'] });
  const cut = closed(await connect(device));
  await platform.api.call(createThing, { body: { thingName: 'after-transfer' } });
  const answer = await platform.api.call(transferCertificate, {
    params: { certificateId: idOf(device) },
    body: { thingName: 'after-transfer' },
  });
  await cut;
  expect(answer).toMatchObject({ fromThingName: 'before-transfer', remainingCertificateIds: [] });
  const again = await connect(device, { clientId: 'after-transfer' });
  const { connections } = await platform.api.call(listConnections);
  expect(connections).toContainEqual(expect.objectContaining({ thingName: 'after-transfer' }));
  await again.endAsync(true);
});

test('an operator cuts a connection, and the trail says who, which client and which certificate', async () => {
  const device = await platform.enrol('noisy', { policies: ['commander'] });
  const client = await connect(device);
  const cut = closed(client);
  await platform.api.call(closeConnection, { params: { clientId: 'noisy' } });
  await cut;
  const { entries } = await platform.api.call(listTrail, { query: { limit: 1000 } });
  const last = entries.findLast(({ entry }) => entry.kind === 'connection.closed');
  expect(JSON.parse(last?.payload ?? '{}')).toMatchObject({
    actor: { kind: 'operator' },
    payload: { clientId: 'noisy', certificateId: idOf(device) },
  });
  const again = platform.api.call(closeConnection, { params: { clientId: 'noisy' } });
  await expect(again).rejects.toThrow('no client `noisy` is connected');
  await (await connect(device)).endAsync(true);
});

needs('mosquitto_pub', 'mosquitto-clients').describe('mosquitto’s clients', () => {
  function clientsOf(device: TestDevice) {
    const { mqtt: port } = platform.platform.ports;
    const tls = ['--cafile', platform.rootFile, '--cert', device.certFile, '--key', device.keyFile];
    return mosquittoClients(['-h', 'localhost', '-p', String(port), '-i', device.thingName, ...tls]);
  }

  test('publish what the policy allows and are cut for what it does not', async () => {
    const clients = clientsOf(pump);
    expect(
      (await clients.publish(['-V', 'mqttv311', '-q', '1', '-t', 'telemetry/pump', '-m', '1'])).code,
    ).toBe(0);
    expect(
      (await clients.publish(['-V', 'mqttv311', '-q', '1', '-t', 'telemetry/other', '-m', '1'])).code,
    ).not.toBe(0);
    expect(await lastDenial()).toMatchObject({ cause: 'publish_denied', resource: 'telemetry/other' });
  });

  test('receive a command, in both versions of the protocol', async () => {
    for (const version of ['mqttv311', 'mqttv5']) {
      const subscriber = clientsOf(pump).subscribe([
        '-V',
        version,
        '-d',
        '-q',
        '1',
        '-t',
        'commands/pump',
        '-C',
        '1',
      ]);
      await subscriber.waitForOutput(/Subscribed/);
      expect(
        (await clientsOf(controller).publish(['-V', version, '-q', '1', '-t', 'commands/pump', '-m', 'stop']))
          .code,
      ).toBe(0);
      const outcome = await subscriber.outcome;
      expect(outcome.stdout.toString()).toContain('stop');
    }
  });
});

test('a right that ends at a time ends on the live connection, though it was used just before', async () => {
  const clock = new FakeClock(Date.now());
  await using timed = await startTestPlatform({ clock });
  const until = new Date(clock.now() + 60_000).toISOString().replace(/\.\d+Z$/, 'Z');
  const statements = [
    { Effect: 'Allow', Action: 'iot:Connect', Resource: '*' },
    {
      Effect: 'Allow',
      Action: 'iot:Publish',
      Resource: '*',
      Condition: { DateLessThan: { 'aws:CurrentTime': until } },
    },
  ];
  const document = JSON.stringify({ Version: '2012-10-17', Statement: statements });
  await timed.api.call(createPolicy, { body: { policyName: 'timed', document } });
  const device = await timed.enrol('guest', { policies: ['timed'] });
  const client = mqtt.connect(`mqtts://localhost:${timed.platform.ports.mqtt}`, {
    ca: timed.rootPem,
    key: device.key,
    cert: device.cert,
    clientId: 'guest',
    reconnectPeriod: 0,
    protocolVersion: 5,
  });
  await client.publishAsync('a/b', '1', { qos: 1 });
  await client.publishAsync('a/b', '2', { qos: 1 });
  clock.advance(61_000);
  await expect(client.publishAsync('a/b', '3', { qos: 1 })).rejects.toThrow();
  await client.endAsync(true);
});
