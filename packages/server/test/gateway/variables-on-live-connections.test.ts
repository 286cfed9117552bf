import { parseCertificatesPem } from '@fleetward/pki';
import { attachThingCertificate, createPolicy, listDenials } from '@fleetward/protocol';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startTestPlatform();
});
afterAll(() => platform.stop());

function idOf(device: TestDevice) {
  return parseCertificatesPem(device.cert)[0]!.id;
}

async function savePolicy(policyName: string, statements: readonly object[]): Promise<void> {
  const document = JSON.stringify({ Version: '2012-10-17', Statement: statements });
  await platform.api.call(createPolicy, { body: { policyName, document } });
}

/** MQTT 5: a denied PUBLISH is answered and the connection goes on. */
function connect(device: TestDevice, clientId: string): Promise<MqttClient> {
  const client = mqtt.connect(`mqtts://localhost:${platform.platform.ports.mqtt}`, {
    ca: platform.rootPem,
    key: device.key,
    cert: device.cert,
    clientId,
    reconnectPeriod: 0,
    protocolVersion: 5,
  });
  return new Promise((resolve, reject) => {
    client.once('connect', () => resolve(client));
    client.once('error', reject);
    client.once('close', () => reject(new Error('closed before CONNACK')));
  });
}

async function lastDenial() {
  return (await platform.api.call(listDenials, { query: { limit: 1 } })).denials[0];
}

test('under another client id the thing’s variables have values only when it is attached exclusively', async () => {
  const own = 'telemetry/${iot:Connection.Thing.ThingName}';
  await savePolicy('own-telemetry', [
    { Effect: 'Allow', Action: 'iot:Connect', Resource: 'arn:aws:iot:REGION:ACCOUNT_ID:client/*' },
    { Effect: 'Allow', Action: 'iot:Publish', Resource: `arn:aws:iot:REGION:ACCOUNT_ID:topic/${own}` },
  ]);
  const gauge = await platform.enrol('gauge', { policies: ['own-telemetry'] });
  const client = await connect(gauge, 'gauge-service-tool');
  await expect(client.publishAsync('telemetry/gauge', '1', { qos: 1 })).rejects.toThrow();
  const denial = await lastDenial();
  expect(denial).toMatchObject({ cause: 'publish_denied', clientId: 'gauge-service-tool' });
  expect(denial?.explanation).toContain('iot:Connection.Thing.ThingName');

  const params = { thingName: 'gauge', certificateId: idOf(gauge) };
  await platform.api.call(attachThingCertificate, { params, body: { exclusive: true } });
  await client.publishAsync('telemetry/gauge', '2', { qos: 1 });
  await expect(client.publishAsync('telemetry/gauge-service-tool', '3', { qos: 1 })).rejects.toThrow();
  expect(await lastDenial()).toMatchObject({ cause: 'publish_denied', thingName: 'gauge' });

  await platform.api.call(attachThingCertificate, { params, body: { exclusive: false } });
  await expect(client.publishAsync('telemetry/gauge', '4', { qos: 1 })).rejects.toThrow();
  await client.endAsync(true);
});

test('a Deny with a variable that has no value denies whatever could stand there, and the denial names its statement', async () => {
  const site = 'arn:aws:iot:REGION:ACCOUNT_ID:topic/${iot:Connection.Thing.Attributes[site]}/valves';
  await savePolicy('not-its-own-site', [
    { Effect: 'Allow', Action: 'iot:*', Resource: '*' },
    { Sid: 'NoValves', Effect: 'Deny', Action: 'iot:Publish', Resource: site },
  ]);
  const siteless = await platform.enrol('siteless', { policies: ['not-its-own-site'] });
  const client = await connect(siteless, 'siteless');
  await client.publishAsync('elsewhere/lights', '1', { qos: 1 });
  await expect(client.publishAsync('elsewhere/valves', '1', { qos: 1 })).rejects.toThrow();
  const denial = await lastDenial();
  expect(denial).toMatchObject({
    cause: 'publish_denied',
    resource: 'elsewhere/valves',
    statement: { policyName: 'not-its-own-site', index: 1, sid: 'NoValves' },
  });
  expect(denial?.explanation).toContain('iot:Connection.Thing.Attributes[site]');
  await client.endAsync(true);
});
