import { parseCertificatesPem } from '@fleetward/pki';
import {
  closeConnection,
  createPolicy,
  createPolicyVersion,
  createThing,
  getThing,
  importThings,
  listDenials,
  removeThing,
  revokeCertificate,
  updateThing,
} from '@fleetward/protocol';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { connectPacket, tlsOf } from './raw-peers.ts';

const statement = (Effect: 'Allow' | 'Deny', Action: string) => ({ Effect, Action, Resource: '*' });
const documentOf = (...statements: readonly object[]) =>
  JSON.stringify({ Version: '2012-10-17', Statement: [statement('Allow', 'iot:*'), ...statements] });
let platform: TestPlatform;
let lamp: TestDevice;
let listener: MqttClient;
let heard: { readonly topic: string; readonly event: Record<string, unknown> }[] = [];

beforeAll(async () => {
  platform = await startTestPlatform({});
  for (const policyName of ['all', 'lamps'])
    await platform.api.call(createPolicy, { body: { policyName, document: documentOf() } });
  lamp = await platform.enrol('lamp', { policies: ['lamps'] });
  listener = await connect(await platform.enrol('listener', { policies: ['all'] }));
  listener.on('message', (topic, payload) => {
    heard.push({
      topic,
      event: topic.startsWith('$') ? JSON.parse(String(payload)) : { payload: String(payload) },
    });
  });
  await listener.subscribeAsync(
    ['$aws/events/presence/+/lamp', '$aws/events/subscriptions/+/lamp', 'wills'],
    {
      qos: 1,
    },
  );
});
afterAll(async () => {
  await listener.endAsync(true);
  await platform.stop();
});
beforeEach(() => {
  heard = [];
});

async function connect(device: TestDevice, options: IClientOptions = {}): Promise<MqttClient> {
  const client = mqtt.connect(`mqtts://localhost:${platform.platform.ports.mqtt}`, {
    ca: platform.rootPem,
    key: device.key,
    cert: device.cert,
    clientId: device.thingName,
    reconnectPeriod: 0,
    protocolVersion: 5,
    will: { topic: 'wills', payload: Buffer.from('gone'), qos: 1, retain: false },
    ...options,
  });
  client.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('close', () => reject(new Error('closed before CONNACK')));
  });
  return client;
}

const presence = async () => (await platform.api.call(getThing, { params: { thingName: 'lamp' } })).presence;
const topics = () => heard.map(({ topic }) => topic.replace('$aws/events/', ''));
const last = () => heard.filter(({ topic }) => topic.startsWith('$')).at(-1)!.event;

test('who comes, subscribes and goes is told with what AWS IoT tells of it', async () => {
  const client = await connect(lamp);
  const whileConnected = await presence();
  await client.subscribeAsync(['a/1', 'a/2']);
  await client.unsubscribeAsync('a/1');
  await client.endAsync();
  await expect
    .poll(topics)
    .toEqual([
      'presence/connected/lamp',
      'subscriptions/subscribed/lamp',
      'subscriptions/unsubscribed/lamp',
      'presence/disconnected/lamp',
    ]);
  const [connected, subscribed, unsubscribed, disconnected] = heard.map(({ event }) => event);
  const who = {
    clientId: 'lamp',
    thingName: 'lamp',
    timestamp: expect.any(Number),
    sessionIdentifier: expect.stringMatching(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    ),
    principalIdentifier: parseCertificatesPem(lamp.cert)[0]!.id,
    ipAddress: expect.stringMatching(/^(?:127\.0\.0\.1|::1)$/),
    versionNumber: expect.any(Number),
  };
  expect(connected).toEqual({ ...who, eventType: 'connected' });
  expect(subscribed).toEqual({ ...who, eventType: 'subscribed', topics: ['a/1', 'a/2'] });
  expect(unsubscribed).toEqual({ ...who, eventType: 'unsubscribed', topics: ['a/1'] });
  expect(disconnected).toEqual({
    ...who,
    eventType: 'disconnected',
    clientInitiatedDisconnect: true,
    disconnectReason: 'CLIENT_INITIATED_DISCONNECT',
  });
  for (const event of [subscribed, unsubscribed, disconnected])
    expect(event).toMatchObject({
      sessionIdentifier: connected!.sessionIdentifier,
      versionNumber: connected!.versionNumber,
    });
  expect(whileConnected).toEqual({
    connected: true,
    sinceMs: expect.any(Number),
    flapping: false,
    connection: {
      clientId: 'lamp',
      sessionIdentifier: connected!.sessionIdentifier,
      remoteAddress: connected!.ipAddress,
      tlsVersion: 'TLSv1.3',
      cipher: expect.stringMatching(/^TLS_[A-Z0-9_]+$/),
    },
  });
  await (await connect(lamp)).endAsync();
  await expect.poll(() => heard.length).toBe(6);
  expect(last().versionNumber).toBeGreaterThan(Number(connected!.versionNumber));
});

test('who subscribes in one go with its end is told of before that, as of the same visit', async () => {
  const socket = await platform.connectTls(tlsOf(lamp));
  const subscribe = Buffer.from([0x82, 6, 0, 1, 0, 1, 0x61, 0]); // MQTT 3.1.1, `a` with QoS 0
  socket.resume().write(Buffer.concat([connectPacket('lamp'), subscribe, Buffer.from([0xe0, 0])]));
  await expect
    .poll(topics)
    .toEqual(['presence/connected/lamp', 'subscriptions/subscribed/lamp', 'presence/disconnected/lamp']);
  const [visit, ...others] = heard.map(({ event }) => [event.sessionIdentifier, event.versionNumber]);
  expect(others).toEqual([visit, visit]);
});

const certificateId = () => parseCertificatesPem(lamp.cert)[0]!.id;
const setPolicy = (...statements: readonly object[]) =>
  platform.api.call(createPolicyVersion, {
    params: { policyName: 'lamps' },
    body: { document: documentOf(...statements), setAsDefault: true },
  });

// Last what the device does not come back from.
test.for<[reason: string, isWillSent: boolean, end: (client: MqttClient) => unknown]>([
  ['CLIENT_INITIATED_DISCONNECT', false, (client) => client.endAsync()],
  ['CONNECTION_LOST', true, (client) => client.stream.destroy()],
  ['DUPLICATE_CLIENTID', true, async () => (await connect(lamp, { will: undefined as never })).endAsync()],
  ['CLIENT_ERROR', true, (client) => client.stream.write(Buffer.from([0xf1, 0x00]))],
  [
    'API_INITIATED_DISCONNECT',
    true,
    () => platform.api.call(closeConnection, { params: { clientId: 'lamp' } }),
  ],
  [
    'FORBIDDEN_ACCESS',
    true,
    async () => {
      await setPolicy(statement('Deny', 'iot:Connect'));
      await setPolicy();
    },
  ],
  // Stricter than AWS: what was revoked says nothing any more.
  [
    'FORBIDDEN_ACCESS',
    false,
    () =>
      platform.api.call(revokeCertificate, {
        params: { certificateId: certificateId() },
        body: { reason: 'keyCompromise' },
      }),
  ],
])('the end %s is told, and its will is sent: %s', async ([reason, isWillSent, end]) => {
  const client = await connect(lamp);
  await end(client);
  await expect.poll(() => heard.map(({ event }) => event.disconnectReason)).toContain(reason);
  expect(heard.find(({ event }) => event.disconnectReason === reason)!.event).toMatchObject({
    clientInitiatedDisconnect: reason === 'CLIENT_INITIATED_DISCONNECT',
  });
  // Whose client id was taken has gone by itself since.
  const shown = reason === 'DUPLICATE_CLIENTID' ? 'CLIENT_INITIATED_DISCONNECT' : reason;
  await expect.poll(async () => (await presence()).lastDisconnect?.reason).toBe(shown);
  // Told in the order of what happened: had there been a will, it is here once the listener has heard itself.
  await listener.publishAsync('wills', 'heard', { qos: 1 });
  await expect.poll(() => heard.some(({ event }) => event.payload === 'heard')).toBe(true);
  expect(heard.some(({ event }) => event.payload === 'gone')).toBe(isWillSent);
  client.end(true);
});

test('a CONNECT that is refused is told, and nobody speaks as the platform does', async () => {
  const stranger = await platform.enrol('stranger', { policies: [] });
  await listener.subscribeAsync('$aws/events/presence/connect_failed/stranger', { qos: 1 });
  await expect(connect(stranger)).rejects.toThrow('closed before CONNACK');
  await expect.poll(topics).toEqual(['presence/connect_failed/stranger']);
  expect(last()).toMatchObject({
    eventType: 'connect_failed',
    disconnectReason: 'AUTH_ERROR',
    clientId: 'stranger',
  });

  await listener.publishAsync('$aws/events/presence/connected/lamp', '{}', { qos: 1 }).catch(() => undefined);
  const { denials } = await platform.api.call(listDenials, { query: { limit: 1 } });
  expect(denials[0]).toMatchObject({
    cause: 'publish_denied',
    resource: '$aws/events/presence/connected/lamp',
  });
  expect(topics()).toEqual(['presence/connect_failed/stranger']);
});

test('who subscribes in one go with its CONNECT is told of itself', async () => {
  const owl = await platform.enrol('owl', { policies: ['lamps'] });
  const socket = await platform.connectTls(tlsOf(owl));
  const topic = Buffer.from('$aws/events/presence/connected/owl');
  const request = Buffer.concat([Buffer.from([0, 1, 0, topic.length]), topic, Buffer.from([0])]);
  socket.write(
    Buffer.concat([connectPacket('owl'), Buffer.from([0x82, request.length]), request]), // MQTT 3.1.1 SUBSCRIBE
  );
  const told = await new Promise<string>((resolve) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += String(chunk);
      if (text.includes('"eventType"')) resolve(text);
    });
  });
  expect(told).toContain('"eventType":"connected"');
  socket.destroy();
});

test('what becomes of a thing in the registry is told with its type and attributes, and not where it is switched off', async () => {
  const thingName = 'vase';
  const params = { thingName };
  await listener.subscribeAsync(['$aws/events/thing/vase/+', '$aws/events/thing/bowl/+'], { qos: 1 });
  await platform.api.call(createThing, { body: { thingName, attributes: { site: 'north' } } });
  await platform.api.call(updateThing, { params, body: { typeName: 'jar' } });
  await platform.api.call(removeThing, { params });
  await expect.poll(topics).toEqual(['created', 'updated', 'deleted'].map((tail) => `thing/vase/${tail}`));
  const common = {
    eventType: 'THING_EVENT',
    eventId: expect.any(String),
    timestamp: expect.any(Number),
    accountId: '000000000000',
    thingName,
    attributes: { site: 'north' },
  };
  expect(heard.map(({ event }) => event)).toEqual([
    { ...common, operation: 'CREATED', thingTypeName: null },
    { ...common, operation: 'UPDATED', thingTypeName: 'jar' },
    { ...common, operation: 'DELETED', thingTypeName: 'jar' },
  ]);
  await platform.api.call(importThings, { body: { things: [{ thingName: 'bowl' }] } });
  await expect.poll(topics).toContain('thing/bowl/created');

  await platform.restart({ events: { things: false } });
  const again = await connect(await platform.enrol('again', { policies: ['all'] }));
  const messages: string[] = [];
  again.on('message', (topic) => messages.push(topic));
  await again.subscribeAsync(['$aws/events/thing/#', 'end'], { qos: 1 });
  await platform.api.call(removeThing, { params: { thingName: 'bowl' } });
  await again.publishAsync('end', '', { qos: 1 });
  await expect.poll(() => messages).toEqual(['end']);
  await again.endAsync(true);
});
