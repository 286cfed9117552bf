import { createPolicy, detachPolicy, listDenials, setThingState } from '@fleetward/protocol';
import { FakeClock, needs, runProgram } from '@fleetward/testkit';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askOverHttps } from '../shadows/device.ts';
import { idOf } from './raw-peers.ts';

const arn = 'arn:aws:iot:REGION:ACCOUNT_ID:';
const name = '${iot:Certificate.Subject.CommonName}';
const allow = (Action: string, ...Resource: readonly string[]) => ({ Effect: 'Allow', Action, Resource });
const sensorPolicy = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    allow('iot:Publish', `${arn}topic/data/${name}/*`, `${arn}topic/$aws/*`, `${arn}topic/many/*`),
    allow('iot:RetainPublish', `${arn}topic/data/${name}/kept`),
  ],
});
const readerPolicy = JSON.stringify({
  Version: '2012-10-17',
  Statement: [allow('iot:*', '*')],
});

needs('curl', 'curl').describe('publishing over HTTPS', () => {
  // Stands still, so that what a second allows is exact.
  const clock = new FakeClock(Date.now());
  let platform: TestPlatform;
  let sensor: TestDevice;
  let reader: TestDevice;

  beforeAll(async () => {
    platform = await startTestPlatform({
      clock,
      settings: { mqttLimits: { packetBytesMax: 132_096, bytesPerSecondMax: 524_288 } },
    });
    for (const [policyName, document] of Object.entries({ sensor: sensorPolicy, reader: readerPolicy }))
      await platform.api.call(createPolicy, { body: { policyName, document } });
    sensor = await platform.enrol('sensor', { policies: ['sensor'] });
    reader = await platform.enrol('reader', { policies: ['reader'] });
  });
  afterAll(() => platform.stop());

  /** By hand, as from a script of a device. */
  async function curl(path: string, body: string, more: readonly string[] = []) {
    const { stdout } = await runProgram('curl', [
      ...['--silent', '--show-error', '--cacert', platform.rootFile],
      ...['--cert', sensor.certFile, '--key', sensor.keyFile],
      ...['--write-out', '\n%header{x-amzn-errortype}\n%{http_code}', '--data-binary', body, ...more],
      `https://localhost:${platform.platform.ports.devices}/topics/${path}`,
    ]);
    const [text = '', errorType = '', status = ''] = stdout.toString().split('\n');
    return { status: Number(status), errorType, text };
  }

  async function publish(path: string, body: string | Uint8Array = 'hello', by = sensor) {
    const asked = { method: 'POST', path: `/topics/${path}`, body };
    const { status, errorType, value } = await askOverHttps(platform, by, asked);
    return { status, errorType: errorType ?? '', text: JSON.stringify(value) };
  }

  async function connect(heard: string[] = []): Promise<MqttClient> {
    const client = mqtt.connect(`mqtts://localhost:${platform.platform.ports.mqtt}`, {
      ca: platform.rootPem,
      key: reader.key,
      cert: reader.cert,
      clientId: 'reader',
      reconnectPeriod: 0,
      protocolVersion: 5,
      clean: false,
      properties: { sessionExpiryInterval: 3_600 },
    });
    client.on('message', (topic, payload, { qos, retain }) =>
      heard.push(`${topic} ${payload} ${qos}${retain ? ' retained' : ''}`),
    );
    await new Promise<void>((resolve, reject) => {
      client.once('connect', () => resolve());
      client.once('error', reject);
    });
    return client;
  }

  async function denials() {
    const certificateDenials = await platform.api.call(listDenials, { query: { limit: 50 } });
    return certificateDenials.denials;
  }

  const ok = {
    status: 200,
    errorType: '',
    text: expect.stringMatching(/^\{"message":"OK","traceId":"[-0-9a-f]{36}"\}$/),
  };
  const refused = (status: number, errorType: string, text = /traceId/) => ({
    status,
    errorType,
    text: expect.stringMatching(text),
  });

  test('reaches who is subscribed with its QoS, by a topic that is escaped or not, whatever the media type', async () => {
    const heard: string[] = [];
    const client = await connect(heard);
    await client.subscribeAsync('data/#', { qos: 1 });
    expect(await curl('data%2Fsensor%2Ft?qos=1', '1')).toEqual(ok);
    expect(await curl('data/sensor/t', '2', ['-H', 'Content-Type: text/plain'])).toEqual(ok);
    expect(await publish('data%2Fsensor%2F%C3%A4%2525?qos=0', '3')).toEqual(ok);
    await expect
      .poll(() => heard)
      .toEqual(['data/sensor/t 1 1', 'data/sensor/t 2 0', 'data/sensor/ä%25 3 0']);
    await client.endAsync();
  });

  test('with QoS 1 is kept for who is away, and retained for who comes later, over a restart', async () => {
    expect(await curl('data%2Fsensor%2Ft?qos=1', 'while away')).toEqual(ok);
    expect(await publish('data%2Fsensor%2Fkept?qos=1&retain=true', 'last')).toEqual(ok);
    await platform.restart();
    const heard: string[] = [];
    const client = await connect(heard);
    await expect.poll(() => heard).toEqual(['data/sensor/t while away 1', 'data/sensor/kept last 1']);
    await client.subscribeAsync('data/sensor/kept', { qos: 1 });
    await expect.poll(() => heard.at(2)).toBe('data/sensor/kept last 1 retained');
    await client.endAsync();
  });

  test('is decided by the policies: what they deny is recorded as of any publish', async () => {
    const forbidden = refused(403, 'ForbiddenException');
    expect(await publish('data%2Fother%2Ft?qos=1')).toEqual(forbidden);
    expect(await publish('data%2Fsensor%2Ft?retain=true')).toEqual(forbidden);
    expect(await publish('$aws%2Fthings%2Fsensor%2Fshadow%2Fupdate?qos=1', '{}')).toEqual(forbidden);
    const told = (await denials()).map(({ cause, action, resource }) => [cause, action, resource]);
    expect(told).toEqual(
      expect.arrayContaining([
        ['publish_denied', 'iot:Publish', 'data/other/t'],
        ['publish_denied', 'iot:RetainPublish', 'data/sensor/t'],
        ['publish_denied', 'iot:Publish', '$aws/things/sensor/shadow/update'],
      ]),
    );
  });

  test.each([
    ['a wildcard', 'data%2Fsensor%2F%23', /wildcard/],
    ['no topic', '', /empty/],
    ['QoS 2', 'data%2Fsensor%2Ft?qos=2', /qos is 0 or 1/],
    ['a second QoS', 'data%2Fsensor%2Ft?qos=0&qos=1', /qos is 0 or 1/],
    ['retain that is neither', 'data%2Fsensor%2Ft?retain=yes', /retain is/],
    [
      'a property that would be lost',
      'data%2Fsensor%2Ft?messageExpiry=5',
      /`messageExpiry` is not supported/,
    ],
    ['too many levels', `many%2F${'a%2F'.repeat(32)}`, /levels/],
    ['too long a topic', `many%2F${'a'.repeat(1_024)}`, /too long/],
  ])('is refused with %s', async (_, path, why) => {
    expect(await publish(path)).toEqual(refused(400, 'InvalidRequestException', why));
  });

  test('is refused when it is larger than a packet may be, told by its head or not', async () => {
    const tooLarge = Buffer.alloc(132_096 - 10);
    const path = 'data%2Fsensor%2Flarge?qos=1';
    expect(await publish(path, tooLarge)).toEqual(refused(413, 'RequestEntityTooLargeException'));
    const asked = {
      method: 'POST',
      path: `/topics/${path}`,
      body: tooLarge,
      beforeBody: async () => undefined,
    };
    expect(await askOverHttps(platform, sensor, asked)).toMatchObject({
      status: 413,
      errorType: 'RequestEntityTooLargeException',
    });
  });

  test('is refused while more bytes came than a connection may send, and that is recorded', async () => {
    const large = Buffer.alloc(131_072);
    const statuses: number[] = [];
    for (let count = 0; count < 5; count++) statuses.push((await publish('reader', large, reader)).status);
    expect(statuses).toEqual([200, 200, 200, 200, 429]);
    expect(await publish('reader', '', reader)).toEqual(refused(429, 'ThrottlingException'));
    expect(await denials()).toContainEqual(
      expect.objectContaining({
        cause: 'limit',
        explanation: expect.stringContaining('mqttLimits.bytesPerSecondMax'),
      }),
    );
    clock.advance(1_000);
    expect(await publish('reader', '', reader)).toEqual(ok);
  });

  test('is refused when the right to it ended while the body came', async () => {
    const slow = await platform.enrol('slow', { policies: ['sensor'] });
    const params = { policyName: 'sensor', certificateId: idOf(slow) };
    const answer = await askOverHttps(platform, slow, {
      method: 'POST',
      path: '/topics/data%2Fslow%2Ft?qos=1',
      body: 'late',
      beforeBody: async () => {
        await platform.api.call(detachPolicy, { params });
      },
    });
    expect(answer).toMatchObject({ status: 403, errorType: 'ForbiddenException' });
    expect(await denials()).toContainEqual(
      expect.objectContaining({ cause: 'publish_denied', resource: 'data/slow/t' }),
    );
  });

  test('is refused for a thing that is in quarantine', async () => {
    await platform.api.call(setThingState, {
      params: { thingName: 'sensor' },
      body: { lifecycleState: 'quarantined' },
    });
    expect((await curl('data%2Fsensor%2Ft?qos=1', 'never')).status).not.toBe(200);
    expect(await denials()).toContainEqual(expect.objectContaining({ cause: 'thing_shut_out' }));
  });
});
