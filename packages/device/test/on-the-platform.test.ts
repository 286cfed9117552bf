import {
  createJob,
  createPolicy,
  deleteShadow,
  getJobExecution,
  getShadow,
  listConnections,
  updateShadow,
} from '@fleetward/protocol';
import { startTestPlatform, type TestPlatform } from '@fleetward/testkit/platform';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type ConnectionEvent, connectDevice, type DeviceConnection } from '../src/sdk/connect-device.ts';
import { enroll } from '../src/sdk/enroll.ts';
import { type DeviceIdentity, openIdentityFolder } from '../src/sdk/identity.ts';
import { openJobs } from '../src/sdk/jobs.ts';
import { keepRenewed, type RenewalEvent } from '../src/sdk/keep-renewed.ts';
import { type MetricsEvent, reportMetrics } from '../src/sdk/report-metrics.ts';
import { type JobEvent, type RunningJob, runJobs } from '../src/sdk/run-jobs.ts';
import { openShadow } from '../src/sdk/shadow.ts';
import { forwardTelemetry } from '../src/telemetry/forward.ts';
import { TelemetryQueue } from '../src/telemetry/queue.ts';
import { cutPatterns, ForgetfulDisk } from './forgetful-disk.ts';
import { random } from './test-authority.ts';

const arn = 'arn:aws:iot:REGION:ACCOUNT_ID';
const thing = '${iot:Connection.Thing.ThingName}';
const own = [`$aws/things/${thing}/*`, `telemetry/${thing}`];
/** What AWS recommends: each device its own. */
const document = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: 'iot:Connect', Resource: `${arn}:client/${thing}` },
    {
      Effect: 'Allow',
      Action: ['iot:Publish', 'iot:Receive'],
      Resource: own.map((topic) => `${arn}:topic/${topic}`),
    },
    { Effect: 'Allow', Action: 'iot:Subscribe', Resource: own.map((topic) => `${arn}:topicfilter/${topic}`) },
  ],
});

describe('a device on the platform', () => {
  let platform: TestPlatform;
  let url: string;
  let told: ConnectionEvent[];
  const open: DeviceConnection[] = [];

  beforeAll(async () => {
    platform = await startTestPlatform();
    url = `https://localhost:${platform.platform.ports.devices}`;
    await platform.api.call(createPolicy, { body: { policyName: 'own', document } });
  });
  afterAll(() => platform.stop());
  afterEach(async () => {
    for (const device of open.splice(0)) await device.close({ drainMs: 0 });
  });

  const folderOf = (name: string) => platform.folder.join(name);

  async function enrolled(name: string): Promise<DeviceIdentity> {
    const joinToken = await platform.newJoinToken(name, { policies: ['own'] });
    const outcome = await enroll({
      url,
      trust: platform.rootPem,
      joinToken,
      name,
      folder: folderOf(name),
      clock: Date,
    });
    if (outcome.kind === 'refused') throw new Error(outcome.reason);
    return outcome.identity;
  }

  function connect(identity: DeviceIdentity): DeviceConnection {
    told = [];
    const events = told;
    const device = connectDevice({
      url: `mqtts://localhost:${platform.platform.ports.mqtt}`,
      identity,
      random,
      reconnectMaxMs: 200,
      onEvent: (event) => void events.push(event),
    });
    open.push(device);
    return device;
  }

  test('learns which policy does not let it, and goes on', async () => {
    const device = connect(await enrolled('lamp-1'));
    await expect(device.publish('telemetry/lamp-2', 'x')).rejects.toMatchObject({
      code: 'device.refused',
      details: { reasonCode: 0x87 },
    });
    await expect(device.subscribe('telemetry/#', () => undefined)).rejects.toMatchObject({
      code: 'device.refused',
    });
    await device.publish('telemetry/lamp-1', 'x');
    expect(told.map(({ kind }) => kind)).toEqual(['connecting', 'connected']);
  });

  test('that shows the certificate of another is told so, and tries again', async () => {
    connect({ ...(await enrolled('lamp-other')), name: 'lamp-1' });
    await expect
      .poll(() => told.find(({ kind }) => kind === 'disconnected'))
      .toMatchObject({
        explanation: expect.stringContaining('refuses the connection: not authorized (0x87)'),
      });
  });

  test('and its clone do not take the client id from each other without end', async () => {
    const identity = await enrolled('lamp-twice');
    connect(identity);
    const first = told;
    await expect.poll(() => first.at(-1)?.kind).toBe('connected');
    connect(identity);
    await expect
      .poll(() => first.at(-1))
      .toMatchObject({
        kind: 'disconnected',
        explanation: expect.stringMatching(/^another connection took over the client id.*\(0x8e\)/),
      });
    const last = first.at(-1);
    expect(last?.kind === 'disconnected' && last.retryInMs).toBeGreaterThanOrEqual(30_000);
  });

  test('reads and writes its shadows, and hears what is desired', async () => {
    const thingName = 'lamp-shadow';
    const device = connect(await enrolled(thingName));
    const shadow = await openShadow(device, { thingName, random });
    expect(await shadow.get()).toBeUndefined();
    const heard: unknown[] = [];
    await shadow.onDelta((delta) => void heard.push(delta));
    expect(await shadow.update({ reported: { on: false } })).toMatchObject({
      version: 1,
      state: { reported: { on: false } },
    });
    await platform.api.call(updateShadow, {
      params: { thingName },
      query: {},
      body: { state: { desired: { on: true } } },
    });
    await expect.poll(() => heard).toEqual([{ state: { on: true }, version: 2 }]);
    const conflict = shadow.update({ reported: { on: true } }, { version: 1 });
    await expect(conflict).rejects.toMatchObject({
      code: 'device.rejected',
      rejection: { code: 409, message: 'Version conflict' },
    });
    await shadow.update({ reported: { on: true } }, { version: 2 });
    expect(await shadow.get()).toMatchObject({
      version: 3,
      state: { desired: { on: true }, reported: { on: true } },
    });
    expect([await shadow.delete(), await shadow.delete()]).toEqual([true, false]);

    const named = await openShadow(device, { thingName, shadowName: 'wifi', random });
    await named.update({ desired: { channel: 6 }, reported: { channel: 1 } });
    expect((await named.get())?.state.delta).toEqual({ channel: 6 });
    expect(
      await platform.api.call(getShadow, { params: { thingName }, query: { shadowName: 'wifi' } }),
    ).toMatchObject({ version: 1 });
    await platform.api.call(deleteShadow, { params: { thingName }, query: { shadowName: 'wifi' } });
    expect(await named.update({ reported: null })).toMatchObject({ state: {} });
    await expect(openShadow(device, { thingName: 'lamp-1', random })).rejects.toMatchObject({
      code: 'device.refused',
    });
  });

  test('does its jobs one after the other, each once, and reports how they ended', async () => {
    const thingName = 'lamp-jobs';
    const identity = await enrolled(thingName);
    const giveJob = (jobId: string) =>
      platform.api.call(createJob, { body: { jobId, document: { do: jobId }, thingNames: [thingName] } });
    const execution = async (jobId: string) =>
      await platform.api.call(getJobExecution, { params: { jobId, thingName } });
    const ended = (jobId: string, status: string) =>
      expect.poll(async () => (await execution(jobId)).status).toBe(status);
    const ran: string[] = [];
    const events: JobEvent[] = [];
    const folder = folderOf('jobs');
    const run = async (job: RunningJob) => {
      ran.push(job.jobId);
      await job.progress({ step: '1' });
      if (job.jobId === 'fails') throw new Error('no such relay');
      return { status: 'SUCCEEDED', statusDetails: { did: String(job.document.do) } } as const;
    };
    const start = (device: DeviceConnection) =>
      runJobs(device, {
        thingName,
        random,
        folder,
        run,
        retryMs: 20,
        onEvent: (event) => void events.push(event),
      });

    await giveJob('first');
    const device = connect(identity);
    const runner = await start(device);
    await ended('first', 'SUCCEEDED');
    await giveJob('fails');
    await ended('fails', 'FAILED');
    expect((await execution('first')).statusDetails).toMatchObject({ did: 'first' });
    expect((await execution('fails')).statusDetails).toMatchObject({ reason: 'no such relay' });
    await runner.close();
    expect(ran).toEqual(['first', 'fails']);

    // Killed in the middle: begun, noted, and neither ended nor told.
    const hung = Promise.withResolvers<never>();
    const killed = await runJobs(device, { thingName, random, folder, run: () => hung.promise });
    await giveJob('interrupted');
    await ended('interrupted', 'IN_PROGRESS');
    await expect
      .poll(async () => (await openJobs(device, { thingName, random })).pending())
      .toMatchObject({
        inProgress: [{ jobId: 'interrupted' }],
        queued: [],
      });
    await device.close();
    hung.reject(new Error('killed'));
    await killed.close();
    const after = await start(connect(openIdentityFolder(folderOf(thingName)).read()!));
    await ended('interrupted', 'FAILED');
    expect(ran).toEqual(['first', 'fails']);
    await after.close();
  });

  test('begins no job twice, wherever the power is cut', async () => {
    const thingName = 'lamp-power';
    const identity = await enrolled(thingName);
    const ran: string[] = [];
    const run = async ({ jobId }: RunningJob) => {
      ran.push(jobId);
      return { status: 'SUCCEEDED' } as const;
    };
    for (const [at, pattern] of cutPatterns(random).entries()) {
      const jobId = `cut-${at}`;
      const disk = new ForgetfulDisk();
      const events: JobEvent[] = [];
      const start = () =>
        runJobs(device, {
          thingName,
          random,
          folder: '/jobs',
          files: disk,
          run,
          retryMs: 20,
          onEvent: (event) => void events.push(event),
        });
      const device = connect(identity);
      disk.cutAfter = 2 * at;
      const cut = await start();
      await platform.api.call(createJob, { body: { jobId, document: {}, thingNames: [thingName] } });
      await expect.poll(() => events.some(({ kind }) => kind === 'failed')).toBe(true);
      await cut.close();
      disk.powerBack(pattern);
      const again = await start();
      const ended = async () =>
        (await platform.api.call(getJobExecution, { params: { jobId, thingName } })).status;
      await expect.poll(ended).toMatch(/^(SUCCEEDED|FAILED)$/);
      await again.close();
      await device.close();
    }
    expect(ran).toEqual([...new Set(ran)]);
    expect(ran.length).toBeGreaterThan(1);
  });

  test('reports its metrics, and hears that they are taken', async () => {
    const thingName = 'lamp-metrics';
    const device = connect(await enrolled(thingName));
    const events: MetricsEvent[] = [];
    const reporter = await reportMetrics(device, {
      thingName,
      clock: { now: () => Date.now() },
      custom: () => ({ temperature: { number: 21.5 } }),
      onEvent: (event) => void events.push(event),
    });
    await expect.poll(() => events).toMatchObject([{ kind: 'accepted', reportId: expect.any(Number) }]);
    await reporter.close();
  });

  test('renews its certificate when it is due, in the same session, and loses nothing that is queued', async () => {
    const identity = await enrolled('lamp-renewed');
    const device = connect(identity);
    const queue = new TelemetryQueue({ folder: folderOf('telemetry') });
    const forwarding = forwardTelemetry(queue, device);
    await expect.poll(() => device.isConnected).toBe(true);
    const events: RenewalEvent[] = [];
    const renewal = keepRenewed(device, {
      url,
      folder: folderOf('lamp-renewed'),
      identity,
      clock: { now: () => Date.now() },
      random,
      dueMs: ({ chain }) => (chain === identity.chain ? 0 : Number.MAX_SAFE_INTEGER),
      onEvent: (event) => void events.push(event),
    });
    for (let number = 0; number < 50; number++) await queue.enqueue('telemetry/lamp-renewed', String(number));
    await expect
      .poll(() => told.filter(({ kind }) => kind === 'connected'))
      .toMatchObject([{ sessionPresent: false }, { sessionPresent: true }]);
    await expect.poll(() => queue.counts.messages).toBe(0);
    expect(forwarding.counts).toEqual({ sent: 50, refused: 0 });
    expect(events).toMatchObject([{ kind: 'renewed' }]);
    const { connections } = await platform.api.call(listConnections);
    expect(connections.filter(({ clientId }) => clientId === 'lamp-renewed').length).toBe(1);
    renewal.close();
    await forwarding.close();
    await queue.close();
  });
});
