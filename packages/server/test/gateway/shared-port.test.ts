import { once } from 'node:events';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { listCas, listDenials, revokeCertificate, setCaState } from '@fleetward/protocol';
import { FakeClock, mosquittoClients, needs, runProgram } from '@fleetward/testkit';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allowAll, causes, connectMqtt, ended, idOf, tlsOf } from './raw-peers.ts';

// 8443 divides its connections by ALPN; whichever way one goes, who may speak is decided alike.

const dayMs = 86_400_000;
const mqttNames = ['mqtt', 'x-amzn-mqtt-ca'] as const;

async function open(platform: TestPlatform, more: ConnectionOptions = {}): Promise<TLSSocket> {
  const port = platform.platform.ports.devices;
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: platform.rootPem, ...more });
  const failed = once(socket, 'error').then(([error]) => Promise.reject(error));
  await Promise.race([once(socket, 'secureConnect'), failed]);
  failed.catch(() => undefined);
  socket.on('error', () => undefined);
  return socket;
}

function openMqtt(platform: TestPlatform, device: TestDevice, more: ConnectionOptions = {}) {
  return open(platform, { ...tlsOf(device), ALPNProtocols: ['x-amzn-mqtt-ca'], ...more });
}

/** The status line's number of a GET. */
async function get(socket: TLSSocket, path: string): Promise<string | undefined> {
  socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  const [data] = (await once(socket, 'data')) as [Buffer];
  return /^HTTP\/1\.1 (\d+)/.exec(data.toString())?.[1];
}

function client(port: number, device: TestDevice, platform: TestPlatform, alpn: string): Promise<MqttClient> {
  const client = mqtt.connect(`mqtts://localhost:${port}`, {
    key: device.key,
    cert: device.cert,
    ca: platform.rootPem,
    clientId: device.thingName,
    protocolVersion: 5,
    reconnectPeriod: 0,
    ALPNProtocols: [alpn],
  });
  client.on('error', () => undefined);
  return new Promise((resolve, reject) => {
    client.once('connect', () => resolve(client));
    client.once('close', () => reject(new Error('closed before CONNACK')));
  });
}

function nextMessage(client: MqttClient): Promise<string> {
  return new Promise((resolve) => client.once('message', (_, payload) => resolve(payload.toString())));
}

describe('8443 by ALPN', () => {
  let platform: TestPlatform;
  let pump: TestDevice;
  let valve: TestDevice;
  beforeAll(async () => {
    platform = await startTestPlatform({
      settings: { mqttLimits: { connectTimeoutMs: 300 }, tlsLimits: { connectionsPerCertificateMax: 3 } },
    });
    await allowAll(platform);
    pump = await platform.enrol('pump', { policies: ['all'] });
    valve = await platform.enrol('valve', { policies: ['all'] });
  });
  afterAll(() => platform.stop());

  test.each(mqttNames)('`%s` is MQTT, of the same broker as 8883', async (name) => {
    const { devices, mqtt } = platform.platform.ports;
    const [here, there] = [
      await client(devices, pump, platform, name),
      await client(mqtt, valve, platform, 'mqtt'),
    ];
    await there.subscribeAsync('news');
    const arrived = nextMessage(there);
    await here.publishAsync('news', 'hello', { qos: 1 });
    expect(await arrived).toBe('hello');
    await Promise.all([here.endAsync(), there.endAsync()]);
  });

  test.each([['http/1.1'], ['x-amzn-http-ca'], undefined])('%j is HTTPS', async (name) => {
    const alpn = name === undefined ? {} : { ALPNProtocols: name };
    const socket = await open(platform, { ...tlsOf(pump), ...alpn });
    expect(await get(socket, '/tuf/metadata/timestamp.json')).toBe('404');
    socket.destroy();
  });

  test('a protocol that is not spoken here is refused in the handshake', async () => {
    await expect(open(platform, { ...tlsOf(pump), ALPNProtocols: ['h2'] })).rejects.toThrow(
      /no application protocol/i,
    );
  });

  needs('mosquitto_pub', 'mosquitto-clients').describe('of Mosquitto', () => {
    test('mosquitto_pub reaches a subscriber on 8883', async () => {
      const { devices, mqtt } = platform.platform.ports;
      const subscriber = await client(mqtt, valve, platform, 'mqtt');
      await subscriber.subscribeAsync('from/mosquitto');
      const arrived = nextMessage(subscriber);
      const files = ['--cafile', platform.rootFile, '--cert', pump.certFile, '--key', pump.keyFile];
      const to = ['-h', 'localhost', '-p', String(devices), '--tls-alpn', 'x-amzn-mqtt-ca'];
      const { publish } = mosquittoClients([...to, ...files]);
      const { code } = await publish(['-i', 'pump', '-q', '1', '-t', 'from/mosquitto', '-m', 'hi']);
      expect(code).toBe(0);
      expect(await arrived).toBe('hi');
      await subscriber.endAsync();
    });
  });

  needs('curl', 'curl').describe('of curl', () => {
    test('it gets an answer from the same port', async () => {
      const url = `https://localhost:${platform.platform.ports.devices}/.well-known/est/cacerts`;
      const { code, stdout } = await runProgram('curl', ['-s', '--cacert', platform.rootFile, url]);
      expect([code, stdout.toString().startsWith('MII')]).toEqual([0, true]);
    });
  });

  test('MQTT without a certificate is cut, also when the session was an accepted stranger’s of HTTPS', async () => {
    const first = await open(platform);
    const ticket = once(first, 'session') as Promise<[Buffer]>;
    expect(await get(first, '/.well-known/est/cacerts')).toBe('200');
    const [session] = await ticket;
    first.destroy();
    for (const more of [{}, { session }]) {
      const socket = await open(platform, { ALPNProtocols: ['mqtt'], ...more });
      expect(socket.isSessionReused()).toBe('session' in more);
      await ended(socket);
      expect((await causes(platform))[0]).toMatchObject({
        cause: 'tls_no_certificate',
        explanation: expect.stringMatching(/^devices: /),
      });
    }
  });

  test('MQTT that says nothing is cut by the broker’s limit', async () => {
    await ended(await openMqtt(platform, pump));
    expect((await causes(platform))[0]?.explanation).toMatch(/mqttLimits\.connectTimeoutMs/);
  });

  test('HTTP on a connection for MQTT is a protocol error, not a request', async () => {
    const socket = await openMqtt(platform, pump);
    // Read as MQTT, `G` is a PUBACK with wrong flags, of as many bytes as `E` says.
    socket.write(`GET / HTTP/1.1\r\nHost: ${'a'.repeat(80)}\r\n\r\n`);
    await ended(socket);
    expect((await causes(platform))[0]?.cause).toBe('protocol_error');
  });

  test('MQTT without ALPN is told to the operator, with what to do', async () => {
    const socket = await open(platform, tlsOf(pump));
    socket.write(Buffer.from('101000044d5154540402003c000470756d70', 'hex'));
    await once(socket.resume(), 'close');
    const { denials } = await platform.api.call(listDenials, {
      query: { cause: 'protocol_error', limit: 1 },
    });
    expect(denials[0]).toMatchObject({
      certificateId: expect.any(String),
      explanation: expect.stringMatching(/MQTT without ALPN.* offer `mqtt`/),
    });
  });

  test('connections of one certificate are counted over both, and over 8883', async () => {
    const kept = [
      await openMqtt(platform, valve),
      await open(platform, tlsOf(valve)),
      await platform.connectTls(tlsOf(valve)),
    ];
    expect(await connectMqtt(kept[0]!, 'valve')).toBe(0);
    await ended(await openMqtt(platform, valve));
    expect((await causes(platform))[0]).toMatchObject({ cause: 'limit' });
    for (const socket of kept) socket.destroy();
  });

  test('revocation cuts both in one go', async () => {
    const device = await platform.enrol('motor', { policies: ['all'] });
    const [live, http] = [await openMqtt(platform, device), await open(platform, tlsOf(device))];
    expect(await connectMqtt(live, 'motor')).toBe(0);
    const cut = Promise.all([ended(live), ended(http)]);
    const params = { certificateId: idOf(device) };
    expect(await platform.api.call(revokeCertificate, { params, body: {} })).toMatchObject({
      sessionsCut: 2,
    });
    await cut;
  });
});

describe('a TLS session resumed for MQTT on 8443', () => {
  async function ticketOf(platform: TestPlatform, device: TestDevice): Promise<Buffer> {
    const first = await openMqtt(platform, device);
    const ticket = once(first, 'session') as Promise<[Buffer]>;
    expect(await connectMqtt(first, device.thingName)).toBe(0);
    const [session] = await ticket;
    first.destroy();
    expect(await resume(platform, device, session)).toBe(0);
    return session;
  }

  async function resume(platform: TestPlatform, device: TestDevice, session: Buffer) {
    const socket = await openMqtt(platform, device, { session });
    expect(socket.isSessionReused()).toBe(true);
    const answer = await connectMqtt(socket, device.thingName);
    socket.destroy();
    return answer;
  }

  test.each([
    [
      'revocation',
      'certificate_revoked',
      async ({ api }: TestPlatform, device: TestDevice) => {
        await api.call(revokeCertificate, { params: { certificateId: idOf(device) }, body: {} });
      },
    ],
    [
      'expiry',
      'certificate_expired',
      async (_: TestPlatform, __: TestDevice, clock: FakeClock) => clock.advance(dayMs + 60_000),
    ],
    [
      'the removal of its CA',
      'certificate_untrusted',
      async ({ api }: TestPlatform) => {
        const { cas } = await api.call(listCas);
        const { certificateId } = cas.find(({ kind }) => kind === 'root')!;
        await api.call(setCaState, { params: { certificateId }, body: { state: 'removed' } });
      },
    ],
  ] as const)('is refused after %s', async (_, cause, change) => {
    const clock = new FakeClock(Date.now());
    await using platform = await startTestPlatform({
      clock,
      settings: { certificates: { deviceValidityDays: 1 } },
    });
    await allowAll(platform);
    const device = await platform.enrol('dev1', { policies: ['all'] });
    const session = await ticketOf(platform, device);
    await change(platform, device, clock);
    expect(await resume(platform, device, session)).toBe('closed');
    expect((await causes(platform))[0]).toMatchObject({ cause });
  });
});

test('a platform that stops ends MQTT on 8443 too, and does not wait for its peers', async () => {
  const platform = await startTestPlatform();
  await allowAll(platform);
  const device = await platform.enrol('dev1', { policies: ['all'] });
  const live = await openMqtt(platform, device);
  expect(await connectMqtt(live, 'dev1')).toBe(0);
  const end = ended(live);
  await platform.stop();
  await end;
});
