import { once } from 'node:events';
import { type ConnectionOptions, connect } from 'node:tls';
import { revokeCertificate } from '@fleetward/protocol';
import { FakeClock, runProgram } from '@fleetward/testkit';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import mqtt from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import { allowAll, causes, connectPacket, idOf, tlsOf } from './raw-peers.ts';

// The numbered statements are those of MQTT 5, section 6; 3.1.1 has the same.

let platform: TestPlatform;
let device: TestDevice;
beforeAll(async () => {
  platform = await startTestPlatform();
  await allowAll(platform);
  device = await platform.enrol('pump', { policies: ['all'] });
});
afterAll(() => platform.stop());

const urlOf = (to: TestPlatform, path: string) => `wss://localhost:${to.platform.ports.devices}${path}`;

interface Opened extends ClientOptions {
  readonly of?: TestDevice | null;
  readonly at?: TestPlatform;
  readonly path?: string;
  readonly protocols?: string[];
}

/** Resolves when it is open; rejects with the status of a refusal. */
async function open(options: Opened = {}): Promise<WebSocket> {
  const { of = device, at = platform, path = '/mqtt', protocols = ['mqtt'], ...more } = options;
  const pair = of === null ? {} : { key: of.key, cert: of.cert };
  const socket = new WebSocket(urlOf(at, path), protocols, { ca: at.rootPem, ...pair, ...more });
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket));
    socket.on('error', reject);
  });
}

async function connected(options: Opened = {}): Promise<WebSocket> {
  const socket = await open(options);
  const answer = once(socket, 'message');
  socket.send(connectPacket('pump'));
  const [connack] = (await answer) as [Buffer];
  expect([...connack]).toEqual([0x20, 2, 0, 0]);
  return socket;
}

function closed(socket: WebSocket): Promise<number> {
  return new Promise((resolve) => socket.once('close', resolve));
}

describe('MQTT over WebSocket', () => {
  test.each([4, 5] as const)(
    'serves MQTT.js, protocol version %d, beside a client on 8883',
    async (protocolVersion) => {
      const { key, cert } = device;
      const common = { ca: platform.rootPem, protocolVersion, reconnectPeriod: 0 } as const;
      const valve = await platform.enrol(`valve-${protocolVersion}`, { policies: ['all'] });
      const there = await mqtt.connectAsync(`mqtts://localhost:${platform.platform.ports.mqtt}`, {
        ...common,
        key: valve.key,
        cert: valve.cert,
        clientId: valve.thingName,
      });
      const here = await mqtt.connectAsync(urlOf(platform, '/mqtt'), {
        ...common,
        clientId: 'pump',
        wsOptions: { ca: platform.rootPem, key, cert },
      });
      await there.subscribeAsync('a');
      await here.subscribeAsync('b');
      const heard = (client: mqtt.MqttClient) =>
        new Promise<Buffer>((resolve) => client.once('message', (_, payload) => resolve(payload)));
      const [atThere, atHere] = [heard(there), heard(here)];
      const large = Buffer.alloc(120_000, 'x');
      await here.publishAsync('a', large, { qos: 1 });
      await there.publishAsync('b', large, { qos: 1 });
      expect([(await atThere).equals(large), (await atHere).equals(large)]).toEqual([true, true]);
      await Promise.all([here.endAsync(), there.endAsync()]);
    },
  );

  test('MQTT5-6.0.0-4: selects `mqtt` among what is offered, and compresses nothing', async () => {
    const socket = await open({ protocols: ['chat', 'mqtt'], perMessageDeflate: true });
    expect([socket.protocol, socket.extensions]).toEqual(['mqtt', '']);
    socket.terminate();
  });

  test('MQTT5-6.0.0-3: refuses who does not offer `mqtt`', async () => {
    await expect(open({ protocols: ['chat'] })).rejects.toThrow('400');
    expect((await causes(platform))[0]).toMatchObject({
      cause: 'request_denied',
      explanation: expect.stringMatching(/WebSocket: the subprotocol `mqtt`/),
    });
  });

  test.each([
    ['that does not offer `mqtt`', ''],
    ['whose handshake is not one', 'Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Key: short\r\n'],
  ])('cuts a peer %s and does not end its side', async (_, header) => {
    const at = { port: platform.platform.ports.devices, host: '127.0.0.1', servername: 'localhost' };
    const options: ConnectionOptions = { ...at, ...tlsOf(device), ca: platform.rootPem };
    const socket = connect({ ...options, ...{ allowHalfOpen: true } }); // of Node’s sockets, which the types of TLS leave out
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    socket.write(
      `GET /mqtt HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${header}\r\n`,
    );
    expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 400 /);
    // That the other side is gone is seen by who writes.
    const writing = setInterval(() => socket.write('x'), 50);
    await new Promise((resolve) => socket.resume().once('close', resolve));
    clearInterval(writing);
  });

  test('MQTT5-6.0.0-2: a packet may span messages and frames, and a message may hold several packets', async () => {
    const socket = await open();
    const answers: number[] = [];
    const pong = new Promise<void>((resolve) =>
      socket.on('message', (bytes: Buffer) => {
        answers.push(...bytes);
        if (answers.length >= 8) resolve();
      }),
    );
    const packet = connectPacket('pump');
    for (const byte of packet.subarray(0, 5)) socket.send(Buffer.of(byte));
    socket.send(packet.subarray(5, 9), { fin: false });
    socket.send(Buffer.concat([packet.subarray(9), Buffer.of(0xc0, 0, 0xc0)]), { fin: true });
    socket.send(Buffer.of(0));
    await pong;
    expect(answers).toEqual([0x20, 2, 0, 0, 0xd0, 0, 0xd0, 0]);
    socket.terminate();
  });

  test('MQTT5-6.0.0-1: ends at a frame of text, and its operator is told', async () => {
    const socket = await connected();
    socket.send('PINGREQ');
    await closed(socket);
    expect((await causes(platform))[0]).toMatchObject({
      cause: 'protocol_error',
      explanation: expect.stringMatching(/frame of text/),
    });
  });

  test('answers pings of WebSocket, and ends with the close handshake', async () => {
    const socket = await connected();
    const pong = once(socket, 'pong');
    socket.ping('still there?');
    expect(String((await pong)[0])).toBe('still there?');
    socket.close(1000);
    expect(await closed(socket)).toBe(1000);
  });

  test('says goodbye to a client that disconnects', async () => {
    const socket = await connected();
    socket.send(Buffer.of(0xe0, 0));
    expect(await closed(socket)).toBe(1005);
  });

  test('bounds a message as it bounds a packet', async () => {
    const socket = await connected();
    const code = closed(socket);
    socket.send(Buffer.alloc(268_289));
    expect([1006, 1009]).toContain(await code);
    expect((await causes(platform))[0]?.explanation).toMatch(/Max payload size exceeded/);
  });

  test('bounds the pieces of a message, however small: each costs more than what is in it', async () => {
    const socket = await connected();
    const code = closed(socket);
    for (let sent = 0; sent < 300; sent++) socket.send(Buffer.of(0), { fin: false });
    expect([1006, 1008]).toContain(await code);
    expect((await causes(platform))[0]?.explanation).toMatch(/Too many message fragments/);
  });

  test('of a flood of frames with nothing in them it takes one a turn, so that everybody else has theirs', async () => {
    const socket = await connected();
    const pong = once(socket, 'message');
    for (let sent = 0; sent < 2_000; sent++) socket.send(Buffer.alloc(0));
    socket.send(Buffer.of(0xc0, 0));
    let turns = 0;
    const turn = (): void => {
      turns++;
      counting = setImmediate(turn);
    };
    let counting = setImmediate(turn);
    await pong;
    clearImmediate(counting);
    expect(turns).toBeGreaterThan(2_000);
    socket.terminate();
  });
});

describe('who may speak MQTT over WebSocket', () => {
  test('nobody without a certificate', async () => {
    await expect(open({ of: null })).rejects.toThrow('401');
    expect((await causes(platform))[0]).toMatchObject({ cause: 'request_denied' });
  });

  test('no page of another origin, through the browser of whoever has a certificate', async () => {
    await expect(open({ origin: 'https://evil.example' })).rejects.toThrow('403');
    (await open({ origin: `https://localhost:${platform.platform.ports.devices}` })).terminate();
  });

  test('nobody at another path, which answers HTTP as if nothing had been asked', async () => {
    await expect(open({ path: '/mqtts' })).rejects.toThrow('404');
    const base = `https://localhost:${platform.platform.ports.devices}`;
    const args = ['-s', '-o', '/dev/null', '-w', '%{http_code}', '--cacert', platform.rootFile];
    const upgrade = ['-H', 'Connection: Upgrade', '-H', 'Upgrade: h2c'];
    const { stdout } = await runProgram('curl', [...args, ...upgrade, `${base}/.well-known/est/cacerts`]);
    expect(stdout.toString()).toBe('200');
  });

  test('a policy decides as on every transport', async () => {
    const stranger = await platform.enrol('no-policies');
    const socket = await open({ of: stranger });
    const answer = once(socket, 'message');
    socket.send(connectPacket('no-policies'));
    expect([...((await answer) as [Buffer])[0]]).toEqual([0x20, 2, 0, 5]);
    expect((await causes(platform))[0]).toMatchObject({ cause: 'connect_denied' });
  });

  test('nobody from the moment of a revocation on, and who does is cut', async () => {
    const motor = await platform.enrol('motor', { policies: ['all'] });
    const socket = await open({ of: motor });
    const end = closed(socket);
    await platform.api.call(revokeCertificate, { params: { certificateId: idOf(motor) }, body: {} });
    expect(await end).toBe(1006);
    await expect(open({ of: motor })).rejects.toThrow();
  });

  test('nobody within the grace of an expired certificate', async () => {
    const clock = new FakeClock(Date.now());
    await using late = await startTestPlatform({
      clock,
      settings: { certificates: { deviceValidityDays: 1 } },
    });
    const lamp = await late.enrol('lamp');
    clock.advance(2 * 86_400_000);
    await expect(open({ of: lamp, at: late })).rejects.toThrow('401');
    expect((await causes(late))[0]?.explanation).toMatch(
      /WebSocket: the certificate expired .* only re-enrol/,
    );
  });
});
