import {
  createPolicy,
  createThing,
  deleteMetricReports,
  detachThingCertificate,
  encodeCbor,
  getMetricHistory,
  getMetricReport,
  getThing,
  listDenials,
  listMetricReports,
  listTrail,
  parseCbor,
  removeThing,
} from '@fleetward/protocol';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ownMetricsPolicy } from './policy.ts';
import { reportOf, shortened } from './sample.ts';

let platform: TestPlatform;
let client: MqttClient;
const heard: { readonly topic: string; readonly value: unknown }[] = [];

beforeAll(async () => {
  const deviceMetrics = { reportBytesMax: 4_096, intervalSecondsMin: 1, attemptsPerSecondMax: 1_000 };
  platform = await startTestPlatform({ settings: { deviceMetrics } });
  await platform.api.call(createPolicy, { body: { policyName: 'metrics', document: ownMetricsPolicy } });
  await platform.enrol('fan', { policies: ['metrics'] });
  client = await connect(await platform.enrol('lamp', { policies: ['metrics'] }));
  await client.subscribeAsync('$aws/things/lamp/defender/metrics/+/accepted', { qos: 1 });
  await client.subscribeAsync('$aws/things/lamp/defender/metrics/+/rejected', { qos: 1 });
});
afterAll(async () => {
  await client.endAsync();
  await platform.stop();
});

async function connect({ key, cert, thingName: clientId }: TestDevice): Promise<MqttClient> {
  const url = `mqtts://localhost:${platform.platform.ports.mqtt}`;
  const options = {
    ca: platform.rootPem,
    key,
    cert,
    clientId,
    reconnectPeriod: 0,
    protocolVersion: 5,
  } as const;
  const opened = mqtt.connect(url, options);
  opened.on('message', (topic, payload) => {
    const limits = { bytesMax: 4_096, depthMax: 4 };
    const value = topic.includes('/cbor/') ? parseCbor(payload, limits) : JSON.parse(String(payload));
    heard.push({ topic: topic.replace('$aws/things/lamp/defender/metrics/', ''), value });
  });
  await new Promise((resolve, reject) => opened.once('connect', resolve).once('error', reject));
  return opened;
}

async function say(form: string, payload: Uint8Array | string, thing = 'lamp') {
  heard.splice(0);
  const topic = `$aws/things/${thing}/defender/metrics/${form}`;
  await client.publishAsync(topic, payload as Buffer, { qos: 1 });
}

async function ask(form: string, payload: Uint8Array | string) {
  await say(form, payload);
  await expect.poll(() => heard.length).toBe(1);
  return heard[0];
}

const params = { thingName: 'lamp' };
const timestamp = expect.any(Number);

async function reports() {
  return (await platform.api.call(listMetricReports, { params, query: {} })).reports;
}

test('a report is accepted in JSON and in CBOR, kept when that is told, and shown', async () => {
  const begun = Date.now();
  expect(await ask('json', JSON.stringify(reportOf(1)))).toEqual({
    topic: 'json/accepted',
    value: { thingName: 'lamp', reportId: 1, status: 'ACCEPTED', timestamp },
  });
  expect(await reports()).toMatchObject([
    { reportId: 1, numbers: { battery: 87.5, 'aws:all-bytes-in': 1_000 } },
  ]);
  await expect.poll(() => Date.now() - begun).toBeGreaterThan(1_000);
  const short = shortened(JSON.parse(JSON.stringify(reportOf(2))), () => true);
  expect(await ask('cbor', encodeCbor(short))).toEqual({
    topic: 'cbor/accepted',
    value: { thingName: 'lamp', reportId: 2, status: 'ACCEPTED', timestamp },
  });
  const [newest, first] = await Promise.all(
    ['newest', '1'].map((reportId) =>
      platform.api.call(getMetricReport, { params: { ...params, reportId } }),
    ),
  );
  expect(newest!.report).toEqual({ ...reportOf(2) });
  expect(first!.report).toEqual({ ...reportOf(1) });
  const page = await platform.api.call(listMetricReports, { params, query: { limit: 1 } });
  expect(page).toMatchObject({ reports: [{ reportId: 2 }], next: 2 });
  const rest = await platform.api.call(listMetricReports, { params, query: { before: 2 } });
  expect(rest.reports).toMatchObject([{ reportId: 1 }]);
  const query = { metricName: 'battery', bucketSeconds: 86_400 };
  const { buckets } = await platform.api.call(getMetricHistory, { params, query });
  expect(buckets.map(({ min, avg, max }) => [min, avg, max])).toContainEqual([87.5, 87.5, 87.5]);
});

test('what is rejected says why in the form of the report, and is not kept', async () => {
  const rejected = (form: string, code: string, message: unknown) => ({
    topic: `${form}/rejected`,
    value: {
      thingName: 'lamp',
      status: 'REJECTED',
      statusDetails: { ErrorCode: code, ErrorMessage: message },
      timestamp,
    },
  });
  const again = JSON.stringify(reportOf(2));
  const older = 'report_id is 2 and must be above 2, that of the report before';
  expect(await ask('json', again)).toEqual(rejected('json', 'InvalidPayload', older));
  expect(await ask('cbor', again)).toEqual(rejected('cbor', 'InvalidPayload', expect.stringMatching(/CBOR/)));
  const long = Buffer.alloc(4_097);
  expect(await ask('cbor', long)).toEqual(
    rejected('cbor', 'InvalidPayload', 'a report has 4096 bytes at most'),
  );
  expect(await reports()).toHaveLength(2);
});

test('a device reports for itself alone: for another it is refused, and the operator sees it', async () => {
  await say('json', JSON.stringify(reportOf(1)), 'fan').catch(() => undefined);
  const query = { thingName: 'lamp', cause: 'publish_denied' } as const;
  await expect
    .poll(async () => (await platform.api.call(listDenials, { query })).denials)
    .toMatchObject([{ resource: expect.stringContaining('$aws/things/fan/defender/metrics/json') }]);
  const others = await platform.api.call(listMetricReports, { params: { thingName: 'fan' }, query: {} });
  expect(others.reports).toEqual([]);
  const none = platform.api.call(listMetricReports, { params: { thingName: 'none' }, query: {} });
  await expect(none).rejects.toMatchObject({ problem: { code: 'things.not_found' } });
});

test('reports go with their thing, and when an operator deletes them', async () => {
  const { certificates } = await platform.api.call(getThing, { params });
  for (const { certificateId } of certificates)
    await platform.api.call(detachThingCertificate, { params: { ...params, certificateId } });
  await platform.api.call(removeThing, { params });
  await platform.api.call(createThing, { body: { ...params, attributes: {} } });
  expect(await reports()).toEqual([]);
  const newest = platform.api.call(getMetricReport, { params: { ...params, reportId: 'newest' } });
  await expect(newest).rejects.toMatchObject({ problem: { code: 'device_metrics.not_found' } });
  await platform.api.call(deleteMetricReports, { params });
  const { entries } = await platform.api.call(listTrail, { query: { limit: 1_000 } });
  expect(entries.at(-1)).toMatchObject({ entry: { kind: 'device_metrics.deleted' } });
});
