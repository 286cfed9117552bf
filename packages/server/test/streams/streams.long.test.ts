import { createHash, randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { createJob, createPolicy, encodeCbor, listDenials, updateThing } from '@fleetward/protocol';
import type { TestDevice } from '@fleetward/testkit/platform';
import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { DdiFleet } from '../ddi/ddi-fleet.ts';

const arn = 'arn:aws:iot:REGION:ACCOUNT_ID:';
const own = '$aws/things/${iot:Connection.Thing.ThingName}';
const document = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: 'iot:Connect', Resource: `${arn}client/\${iot:Connection.Thing.ThingName}` },
    {
      Effect: 'Allow',
      Action: ['iot:Publish', 'iot:Receive'],
      Resource: [`${arn}topic/${own}/jobs/*`, `${arn}topic/${own}/streams/*`],
    },
  ],
});
const image = randomBytes(300_123);
const sha256 = createHash('sha256').update(image).digest('hex');
/** As AWS's library for embedded C can hold it. */
const shortId = createHash('sha256').update(image).digest('base64url');

let fleet: DdiFleet;
let pump: TestDevice;
let other: TestDevice;
const clients: MqttClient[] = [];

beforeAll(async () => {
  fleet = await DdiFleet.start();
  const { api } = fleet.platform;
  await api.call(createPolicy, { body: { policyName: 'streams', document } });
  pump = await fleet.platform.enrol('pump', { policies: ['streams'] });
  other = await fleet.platform.enrol('other', { policies: ['streams'] });
  await api.call(updateThing, { params: { thingName: 'pump' }, body: { attributes: { site: 'a' } } });
  const path = await fleet.release('pump', '2.0.0', image);
  const campaignId = await fleet.campaign(path, { site: 'a' });
  while ((await fleet.actions(campaignId))[0]?.state !== 'OFFERED') await setTimeout(100);
});
afterAll(() => fleet.platform.stop());
afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
});

async function connect({ key, cert, thingName }: TestDevice) {
  const { platform } = fleet;
  const client = mqtt.connect(`mqtts://localhost:${platform.platform.ports.mqtt}`, {
    ca: platform.rootPem,
    key,
    cert,
    clientId: thingName,
    reconnectPeriod: 0,
    protocolVersion: 5,
  });
  clients.push(client);
  const heard: { readonly topic: string; readonly payload: Buffer }[] = [];
  client.on('message', (topic, payload) => heard.push({ topic, payload }));
  await new Promise((resolve, reject) => client.once('connect', resolve).once('error', reject));
  return { client, heard, prefix: `$aws/things/${thingName}/streams` };
}

type Device = Awaited<ReturnType<typeof connect>>;

async function ask({ client, heard, prefix }: Device, tail: string, value: object, answers = 1) {
  heard.splice(0);
  await client.publishAsync(`${prefix}/${tail}`, JSON.stringify(value), { qos: 1 });
  await expect.poll(() => heard.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(answers);
  return heard.map(({ topic, payload }) => ({
    kind: topic.slice(prefix.length + 1).replace(/^[^/]*./, ''),
    value: JSON.parse(payload.toString()) as Record<string, never>,
  }));
}

test('a device is given a job that names a stream, and fetches the image block by block to its hash', async () => {
  const device = await connect(pump);
  const files = [{ filesize: image.length, fileid: 0 }];
  const body = { jobId: 'ota', thingNames: ['pump'], document: { afr_ota: { streamname: shortId, files } } };
  await fleet.platform.api.call(createJob, { body });
  await device.client.publishAsync('$aws/things/pump/jobs/start-next', '{}', { qos: 1 });
  await expect.poll(() => device.heard).toHaveLength(1);
  const { execution } = JSON.parse(device.heard[0]!.payload.toString());
  const { streamname } = execution.jobDocument.afr_ota;
  const [described] = await ask(device, `${streamname}/describe/json`, { c: 'd' });
  expect(described).toEqual({
    kind: 'description/json',
    value: { c: 'd', s: 1, d: 'pump 2.0.0', r: [{ f: 0, z: image.length }] },
  });
  const l = 4_096;
  const blocks = new Map<number, Buffer>();
  const count = Math.ceil(image.length / l);
  while (blocks.size < count) {
    const missing = Array.from({ length: count }, (_, block) => block).filter((block) => !blocks.has(block));
    const bitmap = Buffer.alloc(Math.ceil(count / 8));
    for (const block of missing) bitmap[block >> 3]! |= 1 << (block & 7);
    const n = Math.min(32, missing.length);
    const data = await ask(
      device,
      `${streamname}/get/json`,
      { c: 'g', f: 0, l, o: 0, n, b: bitmap.toString('hex') },
      n,
    );
    expect(data).toHaveLength(n);
    for (const { kind, value } of data) {
      expect([kind, value.c, value.f, value.l]).toEqual(['data/json', 'g', 0, l]);
      blocks.set(value.i!, Buffer.from(value.p!, 'base64'));
    }
  }
  const whole = Buffer.concat(Array.from({ length: count }, (_, block) => blocks.get(block)!));
  expect(createHash('sha256').update(whole).digest('hex')).toBe(sha256);
});

test('one request brings no more than 128 KiB, and in CBOR a block is bytes', async () => {
  const device = await connect(pump);
  const request = encodeCbor({ c: 'x', f: 0, l: 65_536, n: 5 });
  await device.client.publishAsync(`${device.prefix}/${sha256}/get/cbor`, Buffer.from(request), { qos: 1 });
  await expect.poll(() => device.heard).toHaveLength(2);
  for (const [i, { payload }] of device.heard.entries()) {
    const p = image.subarray(i * 65_536, (i + 1) * 65_536);
    expect(payload.equals(encodeCbor({ c: 'x', f: 0, l: 65_536, i, p }))).toBe(true);
  }
});

test('a stream has one name in hex digits and one in base64url, and no other', async () => {
  const device = await connect(pump);
  const last = shortId.at(-1)!;
  const other = String.fromCharCode(last.charCodeAt(0) + 1);
  for (const name of [
    sha256.toUpperCase(),
    `${shortId}=`,
    `${shortId.slice(0, -1)}${other}`,
    shortId.slice(0, -1),
  ])
    expect(await ask(device, `${name}/describe/json`, {})).toMatchObject([
      { value: { o: 'ResourceNotFound' } },
    ]);
  for (const name of [sha256, shortId])
    expect(await ask(device, `${name}/describe/json`, {})).toMatchObject([{ value: { s: 1 } }]);
});

test.each([
  ['get/json', { c: 'a', f: 0, l: 100 }, 'BlockSizeOutOfBounds'],
  ['get/json', { c: 'a', f: 1, l: 256 }, 'ResourceNotFound'],
  ['get/json', { c: 'a', f: 0, l: 256, s: 2 }, 'VersionMismatch'],
  ['get/json', { c: 'a', f: 0, l: 131_072, o: 3 }, 'OffsetOutOfBounds'],
  ['list/json', { c: 'a' }, 'InvalidTopic'],
])('%s %j is rejected as %s', async (tail, value, code) => {
  const [answer] = await ask(await connect(pump), `${sha256}/${tail}`, value);
  expect(answer).toMatchObject({ kind: 'rejected/json', value: { o: code, m: expect.any(String) } });
});

test('a thing that no campaign offers the release learns nothing of it, and its operator is told', async () => {
  const device = await connect(other);
  for (const [tail, value] of [
    ['describe/json', {}],
    ['get/json', { f: 0, l: 256 }],
  ] as const) {
    const [answer] = await ask(device, `${sha256}/${tail}`, value);
    expect(answer).toMatchObject({ kind: 'rejected/json', value: { o: 'ResourceNotFound' } });
  }
  const unknown = await ask(device, `${'0'.repeat(64)}/describe/json`, {});
  expect(unknown).toMatchObject([{ value: { o: 'ResourceNotFound', m: 'there is no such stream' } }]);
  const { denials } = await fleet.platform.api.call(listDenials, {
    query: { cause: 'request_denied', limit: 5 },
  });
  expect(denials[0]).toMatchObject({
    clientId: 'other',
    explanation: expect.stringContaining('is not offered'),
  });
});

test('a device that asks in the name of another is refused and recorded', async () => {
  const { client } = await connect(other);
  const topic = `$aws/things/pump/streams/${sha256}/get/json`;
  await expect(client.publishAsync(topic, '{}', { qos: 1 })).rejects.toThrow('Not authorized');
  const { denials } = await fleet.platform.api.call(listDenials, {
    query: { cause: 'publish_denied', limit: 5 },
  });
  expect(denials[0]).toMatchObject({ clientId: 'other', resource: expect.stringContaining(topic) });
});
