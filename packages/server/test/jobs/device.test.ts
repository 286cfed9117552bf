import {
  cancelJob,
  createJob,
  createPolicy,
  deleteJob,
  getJob,
  getJobExecution,
  listDenials,
  listThingJobExecutions,
} from '@fleetward/protocol';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { jobEventsPolicy, jobPolicy } from './policy.ts';

let platform: TestPlatform;
let lamp: TestDevice;
const clients: MqttClient[] = [];

beforeAll(async () => {
  platform = await startTestPlatform();
  await platform.api.call(createPolicy, { body: { policyName: 'jobs', document: jobPolicy } });
  lamp = await platform.enrol('lamp', { policies: ['jobs'] });
  await platform.enrol('other', { policies: ['jobs'] });
  await platform.api.call(createPolicy, { body: { policyName: 'events', document: jobEventsPolicy } });
});
afterAll(() => platform.stop());
afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync(true);
});

interface Device {
  readonly client: MqttClient;
  readonly heard: { readonly topic: string; readonly value: Record<string, unknown> }[];
}

async function connect({ key, cert, thingName }: TestDevice, protocolVersion: 4 | 5 = 5): Promise<Device> {
  const client = mqtt.connect(`mqtts://localhost:${platform.platform.ports.mqtt}`, {
    ca: platform.rootPem,
    key,
    cert,
    reconnectPeriod: 0,
    protocolVersion,
    clientId: thingName,
  });
  clients.push(client);
  const heard: Device['heard'] = [];
  client.on('message', (topic, payload) =>
    heard.push({ topic, value: JSON.parse(payload.toString()) as Record<string, unknown> }),
  );
  await new Promise((resolve, reject) => {
    client.once('connect', resolve);
    client.once('error', reject);
  });
  return { client, heard };
}

let tokens = 0;

/** Asks without having subscribed, and waits for the answer by its token. */
async function ask({ client, heard }: Device, tail: string, value: object = {}) {
  const clientToken = `t${++tokens}`;
  const topic = `$aws/things/lamp/jobs/${tail}`;
  await client.publishAsync(topic, JSON.stringify({ ...value, clientToken }), { qos: 1 });
  const answer = () => heard.find((one) => one.value.clientToken === clientToken);
  await expect.poll(answer).toBeDefined();
  const { topic: answered, value: said } = answer()!;
  return { kind: answered.slice(topic.length + 1), ...said };
}

async function newJob(jobId: string, more: Partial<Parameters<typeof create>[0]> = {}) {
  await create({ jobId, document: { operation: jobId }, thingNames: ['lamp'], ...more });
  await expect
    .poll(async () => (await platform.api.call(getJob, { params: { jobId } })).counts.QUEUED)
    .toBe(1);
}

function create(body: NonNullable<Parameters<typeof platform.api.call<typeof createJob>>[1]>['body']) {
  return platform.api.call(createJob, { body });
}

describe.each([4, 5] as const)('over MQTT of level %i', (level) => {
  test('a device does a job from the notification to the end, and hears every answer unasked', async () => {
    const jobId = `reboot-${level}`;
    const device = await connect(lamp, level);
    await device.client.subscribeAsync('$aws/things/lamp/jobs/notify-next', { qos: 1 });
    await newJob(jobId);
    const next = {
      topic: '$aws/things/lamp/jobs/notify-next',
      value: { execution: { jobId, status: 'QUEUED' } },
    };
    await expect.poll(() => device.heard).toMatchObject([next]);
    expect(device.heard[0]?.value).toMatchObject({ execution: { jobDocument: { operation: jobId } } });
    const summary = {
      jobId,
      versionNumber: 1,
      executionNumber: 1,
      queuedAt: expect.any(Number),
      lastUpdatedAt: expect.any(Number),
    };
    expect(await ask(device, 'get')).toEqual({
      kind: 'accepted',
      inProgressJobs: [],
      queuedJobs: [summary],
      timestamp: expect.any(Number),
      clientToken: expect.any(String),
    });
    expect(await ask(device, 'start-next', { statusDetails: { step: '1' } })).toMatchObject({
      kind: 'accepted',
      execution: {
        jobId,
        thingName: 'lamp',
        status: 'IN_PROGRESS',
        versionNumber: 2,
        jobDocument: { operation: jobId },
      },
    });
    const described = await ask(device, '$next/get', { includeJobDocument: false });
    expect(described).toMatchObject({ execution: { jobId, statusDetails: { step: '1' } } });
    expect(described).not.toHaveProperty('execution.jobDocument');
    const progress = { status: 'IN_PROGRESS', expectedVersion: 2, includeJobExecutionState: true };
    expect(await ask(device, `${jobId}/update`, { ...progress, includeJobDocument: true })).toMatchObject({
      kind: 'accepted',
      executionState: { status: 'IN_PROGRESS', statusDetails: { step: '1' }, versionNumber: 3 },
      jobDocument: { operation: jobId },
    });
    expect(await ask(device, `${jobId}/update`, progress)).toMatchObject({
      kind: 'rejected',
      code: 'VersionMismatch',
      executionState: { versionNumber: 3 },
    });
    const done = await ask(device, `${jobId}/update`, { status: 'SUCCEEDED' });
    expect(Object.keys(done).sort()).toEqual(['clientToken', 'kind', 'timestamp']);
    expect(await ask(device, '$next/get')).not.toHaveProperty('execution');
    expect(await ask(device, 'start-next')).toMatchObject({ kind: 'accepted' });
    await expect
      .poll(() => device.heard.filter(({ topic }) => topic.endsWith('/notify-next')))
      .toHaveLength(2);
    const params = { jobId, thingName: 'lamp' };
    expect(await platform.api.call(getJobExecution, { params })).toMatchObject({
      status: 'SUCCEEDED',
      versionNumber: 4,
    });
  });
});

test('every reject code that a device can bring about', async () => {
  const device = await connect(lamp);
  await newJob('codes');
  const codes: Record<string, string> = {};
  for (const [tail, value] of [
    ['nonsense', {}],
    ['codes/update', {}],
    ['unknown/get', {}],
    ['codes/update', { status: 'IN_PROGRESS', expectedVersion: 9 }],
    ['codes/update', { status: 'SUCCEEDED' }],
    ['codes/update', { status: 'IN_PROGRESS' }],
    ['codes/get', {}],
  ] as const) {
    const { kind, code } = (await ask(device, tail, value)) as { kind: string; code?: string };
    if (kind === 'rejected') codes[code ?? ''] = tail;
  }
  await device.client.publishAsync('$aws/things/lamp/jobs/get', '{', { qos: 1 });
  await expect.poll(() => device.heard.at(-1)?.value.code).toBe('InvalidJson');
  expect(codes).toEqual({
    InvalidTopic: 'nonsense',
    InvalidRequest: 'codes/update',
    ResourceNotFound: 'unknown/get',
    VersionMismatch: 'codes/update',
    InvalidStateTransition: 'codes/update',
    TerminalStateReached: 'codes/get',
  });
});

test('a twelfth request at once is throttled', async () => {
  const device = await connect(lamp);
  const asked = Array.from({ length: 40 }, () => ask(device, 'start-next'));
  const answers = await Promise.all(asked);
  const throttled = answers.filter((answer) => 'code' in answer);
  for (const answer of throttled)
    expect(answer).toMatchObject({ kind: 'rejected', code: 'RequestThrottled' });
  expect(throttled.length).toBeGreaterThan(0);
});

test('a device that asks for another’s jobs is refused and recorded', async () => {
  const device = await connect(lamp);
  const topic = '$aws/things/other/jobs/start-next';
  await expect(device.client.publishAsync(topic, '{}', { qos: 1 })).rejects.toThrow('Not authorized');
  await expect(
    device.client.subscribeAsync('$aws/things/other/jobs/notify-next', { qos: 1 }),
  ).rejects.toThrow();
  const { denials } = await platform.api.call(listDenials, { query: { limit: 50 } });
  expect(denials).toContainEqual(
    expect.objectContaining({
      cause: 'publish_denied',
      clientId: 'lamp',
      resource: expect.stringContaining(topic),
    }),
  );
});

test('what was accepted outlives the process, and a cancelled job is gone from its device', async () => {
  await newJob('kept');
  const before = await connect(lamp);
  await ask(before, 'kept/update', { status: 'IN_PROGRESS', statusDetails: { percent: '40' } });
  await platform.restart();
  const device = await connect(lamp);
  await device.client.subscribeAsync('$aws/things/lamp/jobs/notify', { qos: 1 });
  expect(await ask(device, 'kept/get')).toMatchObject({
    execution: { status: 'IN_PROGRESS', statusDetails: { percent: '40' }, versionNumber: 2 },
  });
  await platform.api.call(cancelJob, { params: { jobId: 'kept' }, body: { isForced: true } });
  await expect.poll(() => device.heard.at(-1)?.value.jobs).toEqual({});
  expect(await ask(device, 'kept/update', { status: 'SUCCEEDED' })).toMatchObject({
    code: 'InvalidStateTransition',
    executionState: { status: 'CANCELED' },
  });
  const { executions } = await platform.api.call(listThingJobExecutions, { params: { thingName: 'lamp' } });
  expect(executions.map(({ jobId, status }) => `${jobId} ${status}`)).toEqual([
    'kept CANCELED',
    'codes SUCCEEDED',
    'reboot-5 SUCCEEDED',
    'reboot-4 SUCCEEDED',
  ]);
});

test('who may listen for the events of jobs hears how each thing and the job ended; no device can say it', async () => {
  const watcher = await connect(await platform.enrol('watcher', { policies: ['events'] }));
  await watcher.client.subscribeAsync(['$aws/events/job/#', '$aws/events/jobExecution/#'], { qos: 1 });
  const device = await connect(lamp);
  await expect(device.client.subscribeAsync('$aws/events/job/#', { qos: 1 })).rejects.toThrow();
  await newJob('told', { description: 'Tell' });
  await ask(device, 'told/update', { status: 'REJECTED', statusDetails: { why: 'dark' } });
  const ended = () => watcher.heard.map(({ topic }) => topic.replace('$aws/events/', ''));
  await expect.poll(ended).toContain('job/told/completed');
  await platform.api.call(deleteJob, { params: { jobId: 'told' } });
  await expect.poll(ended).toContain('job/told/deleted');
  expect(ended()).toEqual([
    'job/told/created',
    'jobExecution/told/rejected',
    'job/told/completed',
    'job/told/deletion_in_progress',
    'jobExecution/told/deleted',
    'job/told/deleted',
  ]);
  const arn = 'arn:aws:iot:local:000000000000:thing/lamp';
  const common = { eventId: expect.any(String), timestamp: expect.any(Number), jobId: 'told' };
  expect(watcher.heard[1]?.value).toEqual({
    ...common,
    eventType: 'JOB_EXECUTION',
    operation: 'rejected',
    thingArn: arn,
    thingName: 'lamp',
    status: 'REJECTED',
    statusDetails: { why: 'dark' },
  });
  expect(watcher.heard[2]?.value).toEqual({
    ...common,
    eventType: 'JOB',
    operation: 'completed',
    status: 'COMPLETED',
    targetSelection: 'SNAPSHOT',
    targets: [arn],
    description: 'Tell',
    createdAt: expect.any(Number),
    completedAt: expect.any(Number),
    lastUpdatedAt: expect.any(Number),
    jobProcessDetails: {
      numberOfSucceededThings: 0,
      numberOfFailedThings: 0,
      numberOfRejectedThings: 1,
      numberOfTimedOutThings: 0,
      numberOfCanceledThings: 0,
      numberOfRemovedThings: 0,
    },
  });
  await watcher.client
    .publishAsync('$aws/events/job/told/completed', '{}', { qos: 1 })
    .catch(() => undefined);
  const { denials } = await platform.api.call(listDenials, { query: { limit: 50 } });
  expect(denials).toContainEqual(
    expect.objectContaining({ cause: 'publish_denied', resource: '$aws/events/job/told/completed' }),
  );
  expect(ended()).toHaveLength(6);
});
