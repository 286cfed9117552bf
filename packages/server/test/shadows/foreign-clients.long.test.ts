import { once } from 'node:events';
import { createPolicy, updateShadow } from '@fleetward/protocol';
import { mosquittoClients, requireProgram, runProgram } from '@fleetward/testkit';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import { iotshadow } from 'aws-iot-device-sdk-v2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectMqtt5, connectMqtt311, requestLimits, stopMqtt5 } from '../aws-device-sdk.ts';
import { ownShadowsPolicy } from './device.ts';

let platform: TestPlatform;
let lamp: TestDevice;
let valve: TestDevice;

beforeAll(async () => {
  platform = await startTestPlatform();
  await platform.api.call(createPolicy, { body: { policyName: 'own', document: ownShadowsPolicy } });
  lamp = await platform.enrol('lamp', { policies: ['own'] });
  valve = await platform.enrol('valve', { policies: ['own'] });
});
afterAll(() => platform.stop());

interface Opened {
  readonly client: iotshadow.IotShadowClientv2;
  close(): Promise<void>;
}

async function overMqtt5(device: TestDevice): Promise<Opened> {
  const connection = await connectMqtt5(platform, { ...device, clientId: device.thingName });
  const client = iotshadow.IotShadowClientv2.newFromMqtt5(connection, requestLimits);
  return {
    client,
    async close() {
      client.close();
      await stopMqtt5(connection);
    },
  };
}

async function overMqtt311(device: TestDevice): Promise<Opened> {
  const connection = await connectMqtt311(platform, { ...device, clientId: device.thingName });
  const client = iotshadow.IotShadowClientv2.newFromMqtt311(connection, requestLimits);
  return {
    client,
    async close() {
      client.close();
      await connection.disconnect();
    },
  };
}

describe.each([
  ['MQTT 5', overMqtt5],
  ['MQTT 3.1.1', overMqtt311],
])('the AWS IoT Device SDK v2, as it is, over %s', (_, open) => {
  test('gets, changes and deletes classic and named shadows, and is told of deltas', async () => {
    const { client, close } = await open(lamp);
    const thingName = 'lamp';
    await client.deleteShadow({ thingName }).catch(() => undefined);
    await expect(client.getShadow({ thingName })).rejects.toMatchObject({
      modeledError: { code: 404, message: 'No shadow exists with name: lamp' },
    });
    const made = await client.updateShadow({ thingName, state: { reported: { on: false } } });
    expect(made.state).toEqual({ reported: { on: false } });
    const stream = client.createShadowDeltaUpdatedStream({ thingName });
    const subscribed = once(stream, 'subscriptionStatus');
    stream.open();
    await subscribed;
    const told = once(stream, 'incomingPublish');
    const body = { state: { desired: { on: true } } };
    await platform.api.call(updateShadow, { params: { thingName }, body });
    expect((await told)[0]).toMatchObject({ message: { state: { on: true } } });
    stream.close();
    const got = await client.getShadow({ thingName });
    expect(got.state).toMatchObject({ desired: { on: true }, reported: { on: false }, delta: { on: true } });
    const stale = client.updateShadow({ thingName, state: {}, version: 1_000 });
    await expect(stale).rejects.toMatchObject({ modeledError: { code: 409, message: 'Version conflict' } });
    const deleted = await client.deleteShadow({ thingName });
    expect(deleted.version).toBe(got.version);
    const named = { thingName, shadowName: 'config' };
    await client.updateNamedShadow({ ...named, state: { desired: { level: 3 } } });
    expect((await client.getNamedShadow(named)).state).toMatchObject({ delta: { level: 3 } });
    await client.deleteNamedShadow(named);
    await close();
  });
});

describe('by hand', () => {
  test('mosquitto_pub and mosquitto_sub do a shadow', async () => {
    const { keyFile, certFile } = valve;
    const port = String(platform.platform.ports.mqtt);
    const tls = ['--cafile', platform.rootFile, '--cert', certFile, '--key', keyFile];
    // One client id, as the policy says: the subscriber is kept while the publisher takes its place.
    const { publish, subscribe } = mosquittoClients(['-h', 'localhost', '-p', port, ...tls, '-i', 'valve']);
    const topic = '$aws/things/valve/shadow';
    const filter = ['-t', `${topic}/update/accepted`, '-q', '1', '-c'];
    const first = await subscribe([...filter, '-E']).outcome;
    expect(first).toMatchObject({ code: 0 });
    const state = { reported: { open: true } };
    const message = JSON.stringify({ state, clientToken: 'hand' });
    expect(await publish(['-t', `${topic}/update`, '-m', message, '-q', '1', '-c'])).toMatchObject({
      code: 0,
    });
    const second = await subscribe([...filter, '-C', '1', '-W', '20']).outcome;
    expect(JSON.parse(second.stdout.toString())).toMatchObject({ state, version: 1, clientToken: 'hand' });
  });

  test('curl does a shadow', async () => {
    const curl = requireProgram('curl', 'curl');
    const { keyFile, certFile } = valve;
    const url = `https://localhost:${platform.platform.ports.devices}/things/valve/shadow`;
    const tls = ['--silent', '--cacert', platform.rootFile, '--cert', certFile, '--key', keyFile];
    const ask = async (...args: readonly string[]) => {
      const { code, stdout, stderr } = await runProgram(curl, [...tls, ...args]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return JSON.parse(stdout.toString());
    };
    const state = { desired: { flow: 3 } };
    const changed = await ask('-X', 'POST', '--data', JSON.stringify({ state }), `${url}?name=web`);
    expect(changed).toMatchObject({ state, version: 1 });
    expect(await ask(`${url}?name=web`)).toMatchObject({ state: { delta: { flow: 3 } } });
    expect(await ask('-X', 'DELETE', `${url}?name=web`)).toMatchObject({ version: 1 });
    expect(await ask(`${url}?name=web`)).toMatchObject({ code: 404 });
    const other = await ask(url.replace('/valve/', '/lamp/'));
    expect(other).toEqual({ code: 403, message: 'Forbidden' });
  });
});
