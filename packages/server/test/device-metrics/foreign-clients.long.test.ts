import { once } from 'node:events';
import { createPolicy, getMetricReport } from '@fleetward/protocol';
import { mosquittoClients } from '@fleetward/testkit';
import { startTestPlatform, type TestPlatform } from '@fleetward/testkit/platform';
import { mqtt, mqtt5 } from 'aws-iot-device-sdk-v2';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectMqtt5, connectMqtt311, stopMqtt5 } from '../aws-device-sdk.ts';
import { ownMetricsPolicy } from './policy.ts';
import { reportOf } from './sample.ts';

let platform: TestPlatform;

beforeAll(async () => {
  platform = await startTestPlatform({ settings: { deviceMetrics: { intervalSecondsMin: 1 } } });
  await platform.api.call(createPolicy, { body: { policyName: 'metrics', document: ownMetricsPolicy } });
});
afterAll(() => platform.stop());

const enrol = (name: string) => platform.enrol(name, { policies: ['metrics'] });

async function keptOf(thingName: string): Promise<unknown> {
  const params = { thingName, reportId: 'newest' };
  return (await platform.api.call(getMetricReport, { params })).report;
}

test('the AWS IoT Device SDK v2, as it is, reports over MQTT 5 and hears that it was accepted', async () => {
  const client = await connectMqtt5(platform, { ...(await enrol('lamp')), clientId: 'lamp' });
  const topic = '$aws/things/lamp/defender/metrics/json';
  const subscriptions = ['accepted', 'rejected'].map((answer) => ({
    topicFilter: `${topic}/${answer}`,
    qos: mqtt5.QoS.AtLeastOnce,
  }));
  const suback = await client.subscribe({ subscriptions });
  expect(suback.reasonCodes).toEqual([1, 1]);
  const said = async (payload: string) => {
    const told = once(client, 'messageReceived');
    await client.publish({ topicName: topic, payload, qos: mqtt5.QoS.AtLeastOnce });
    const [{ message }] = (await told) as [mqtt5.MessageReceivedEvent];
    return {
      topic: message.topicName,
      value: JSON.parse(Buffer.from(message.payload as ArrayBuffer).toString()),
    };
  };
  expect(await said(JSON.stringify(reportOf(7)))).toMatchObject({
    topic: `${topic}/accepted`,
    value: { thingName: 'lamp', reportId: 7, status: 'ACCEPTED' },
  });
  expect(await said('{"header":{}}')).toMatchObject({
    topic: `${topic}/rejected`,
    value: { status: 'REJECTED', statusDetails: { ErrorCode: 'InvalidPayload' } },
  });
  await stopMqtt5(client);
  expect(await keptOf('lamp')).toEqual(reportOf(7));
});

test('and over MQTT 3.1.1', async () => {
  const connection = await connectMqtt311(platform, { ...(await enrol('fan')), clientId: 'fan' });
  const topic = '$aws/things/fan/defender/metrics/json';
  const told = Promise.withResolvers<unknown>();
  await connection.subscribe(`${topic}/accepted`, mqtt.QoS.AtLeastOnce, (_, payload) =>
    told.resolve(JSON.parse(Buffer.from(payload).toString())),
  );
  await connection.publish(topic, JSON.stringify(reportOf(8)), mqtt.QoS.AtLeastOnce);
  expect(await told.promise).toMatchObject({ thingName: 'fan', reportId: 8, status: 'ACCEPTED' });
  await connection.disconnect();
  expect(await keptOf('fan')).toEqual(reportOf(8));
});

test('mosquitto_pub reports by hand, and mosquitto_sub hears that it was accepted', async () => {
  const { keyFile, certFile } = await enrol('valve');
  const port = String(platform.platform.ports.mqtt);
  const tls = ['--cafile', platform.rootFile, '--cert', certFile, '--key', keyFile];
  // One client id, as the policy says: the subscriber is kept while the publisher takes its place.
  const { publish, subscribe } = mosquittoClients(['-h', 'localhost', '-p', port, ...tls, '-i', 'valve']);
  const topic = '$aws/things/valve/defender/metrics/json';
  const filter = ['-t', `${topic}/accepted`, '-q', '1', '-c'];
  expect(await subscribe([...filter, '-E']).outcome).toMatchObject({ code: 0 });
  const message = JSON.stringify(reportOf(9));
  expect(await publish(['-t', topic, '-m', message, '-q', '1', '-c'])).toMatchObject({ code: 0 });
  const heard = await subscribe([...filter, '-C', '1', '-W', '20']).outcome;
  expect(JSON.parse(heard.stdout.toString())).toMatchObject({ reportId: 9, status: 'ACCEPTED' });
});
