import { once } from 'node:events';
import { createJob, createPolicy, getJobExecution } from '@fleetward/protocol';
import { mosquittoClients, needs } from '@fleetward/testkit';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import { iotjobs, mqtt } from 'aws-iot-device-sdk-v2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectMqtt5, connectMqtt311, requestLimits, stopMqtt5 } from '../aws-device-sdk.ts';
import { jobPolicy } from './policy.ts';

let platform: TestPlatform;
let lamp: TestDevice;

beforeAll(async () => {
  platform = await startTestPlatform();
  await platform.api.call(createPolicy, { body: { policyName: 'jobs', document: jobPolicy } });
  lamp = await platform.enrol('lamp', { policies: ['jobs'] });
});
afterAll(() => platform.stop());

async function newJob(jobId: string): Promise<void> {
  const body = { jobId, document: { operation: jobId }, thingNames: ['lamp'] };
  await platform.api.call(createJob, { body });
}

async function execution(jobId: string) {
  return platform.api.call(getJobExecution, { params: { jobId, thingName: 'lamp' } });
}

describe('the AWS IoT Device SDK v2, as it is', () => {
  async function on5<Result>(work: (client: iotjobs.IotJobsClientv2) => Promise<Result>): Promise<Result> {
    const connection = await connectMqtt5(platform, { ...lamp, clientId: 'lamp' });
    const client = iotjobs.IotJobsClientv2.newFromMqtt5(connection, requestLimits);
    try {
      return await work(client);
    } finally {
      client.close();
      await stopMqtt5(connection);
    }
  }

  test('does a job from its notification to the end over MQTT 5', async () => {
    await on5(async (client) => {
      const next = client.createNextJobExecutionChangedStream({ thingName: 'lamp' });
      const established = once(next, 'subscriptionStatus');
      next.open();
      await established;
      const told = once(next, 'incomingPublish');
      await newJob('five');
      const [{ message }] = (await told) as [{ message: iotjobs.model.NextJobExecutionChangedEvent }];
      expect(message.execution).toMatchObject({
        jobId: 'five',
        status: 'QUEUED',
        jobDocument: { operation: 'five' },
      });
      const pending = await client.getPendingJobExecutions({ thingName: 'lamp' });
      expect(pending.queuedJobs).toMatchObject([{ jobId: 'five', versionNumber: 1 }]);
      const started = await client.startNextPendingJobExecution({
        thingName: 'lamp',
        statusDetails: { step: 'begin' },
        stepTimeoutInMinutes: 15,
      });
      expect(started.execution).toMatchObject({ jobId: 'five', status: 'IN_PROGRESS', versionNumber: 2 });
      const described = await client.describeJobExecution({
        thingName: 'lamp',
        jobId: '$next',
        includeJobDocument: true,
      });
      expect(described.execution).toMatchObject({
        statusDetails: { step: 'begin' },
        jobDocument: { operation: 'five' },
      });
      await client.updateJobExecution({
        thingName: 'lamp',
        jobId: 'five',
        status: iotjobs.model.JobStatus.SUCCEEDED,
        expectedVersion: 2,
      });
      next.close();
    });
    expect(await execution('five')).toMatchObject({ status: 'SUCCEEDED', versionNumber: 3 });
  });

  test('is told why it is rejected, in its own terms', async () => {
    await newJob('refused');
    await on5(async (client) => {
      const update = (expectedVersion: number) =>
        client.updateJobExecution({
          thingName: 'lamp',
          jobId: 'refused',
          status: iotjobs.model.JobStatus.SUCCEEDED,
          expectedVersion,
        });
      await expect(update(9)).rejects.toMatchObject({
        modeledError: { code: 'VersionMismatch', executionState: { status: 'QUEUED', versionNumber: 1 } },
      });
      await update(1);
      await expect(update(2)).rejects.toMatchObject({ modeledError: { code: 'InvalidStateTransition' } });
    });
  });

  test('does a job over MQTT 3.1.1 with the first of its clients', async () => {
    await newJob('three');
    const connection = await connectMqtt311(platform, { ...lamp, clientId: 'lamp' });
    const client = new iotjobs.IotJobsClient(connection);
    const qos = mqtt.QoS.AtLeastOnce;
    const of = { thingName: 'lamp' };
    const pending = Promise.withResolvers<iotjobs.model.GetPendingJobExecutionsResponse>();
    await client.subscribeToGetPendingJobExecutionsAccepted(of, qos, (error, response) =>
      response === undefined ? pending.reject(error) : pending.resolve(response),
    );
    await client.publishGetPendingJobExecutions(of, qos);
    expect((await pending.promise).queuedJobs).toMatchObject([{ jobId: 'three' }]);
    const started = Promise.withResolvers<iotjobs.model.StartNextJobExecutionResponse>();
    await client.subscribeToStartNextPendingJobExecutionAccepted(of, qos, (error, response) =>
      response === undefined ? started.reject(error) : started.resolve(response),
    );
    await client.publishStartNextPendingJobExecution(of, qos);
    expect((await started.promise).execution).toMatchObject({
      jobId: 'three',
      jobDocument: { operation: 'three' },
    });
    const described = Promise.withResolvers<iotjobs.model.DescribeJobExecutionResponse>();
    const named = { thingName: 'lamp', jobId: 'three' };
    await client.subscribeToDescribeJobExecutionAccepted(named, qos, (error, response) =>
      response === undefined ? described.reject(error) : described.resolve(response),
    );
    await client.publishDescribeJobExecution(named, qos);
    expect((await described.promise).execution).toMatchObject({ status: 'IN_PROGRESS' });
    const updated = Promise.withResolvers<iotjobs.model.UpdateJobExecutionResponse>();
    await client.subscribeToUpdateJobExecutionAccepted(named, qos, (error, response) =>
      response === undefined ? updated.reject(error) : updated.resolve(response),
    );
    await client.publishUpdateJobExecution({ ...named, status: iotjobs.model.JobStatus.FAILED }, qos);
    await updated.promise;
    await connection.disconnect();
    expect(await execution('three')).toMatchObject({ status: 'FAILED' });
  });
});

needs('mosquitto_rr', 'mosquitto-clients').describe('with Mosquitto’s clients', () => {
  test('a job is done by hand', async () => {
    await newJob('hand');
    const files = ['--cafile', platform.rootFile, '--cert', lamp.certFile, '--key', lamp.keyFile];
    const at = ['-h', 'localhost', '-p', String(platform.platform.ports.mqtt), '-i', 'lamp', '-q', '1'];
    const clients = mosquittoClients([...at, ...files]);
    const ask = async (tail: string, value: object) => {
      const topic = `$aws/things/lamp/jobs/${tail}`;
      const message = JSON.stringify(value);
      const { stdout } = await clients.request(['-t', topic, '-e', `${topic}/accepted`, '-m', message]);
      return JSON.parse(stdout.toString()) as object;
    };
    expect(await ask('start-next', {})).toMatchObject({
      execution: { jobId: 'hand', status: 'IN_PROGRESS' },
    });
    const done = { status: 'SUCCEEDED', includeJobExecutionState: true };
    expect(await ask('hand/update', done)).toMatchObject({ executionState: { status: 'SUCCEEDED' } });
    expect(await ask('get', {})).toMatchObject({ inProgressJobs: [], queuedJobs: [] });
  });
});
