import type { Packet } from 'mqtt-packet';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BackOff } from '../src/mqtt/back-off.ts';
import type { Loss } from '../src/mqtt/loss.ts';
import {
  type ConnectionEvent,
  type ConnectOptions,
  connectDevice,
  type DeviceConnection,
} from '../src/sdk/connect-device.ts';
import { deviceOf, ScriptedBroker } from './scripted-broker.ts';
import { random, TestAuthority } from './test-authority.ts';

const publishes = (broker: ScriptedBroker) =>
  broker.of('publish').map(({ connection, packet }) => {
    if (packet.cmd !== 'publish') throw new Error('not a message');
    const { messageId, dup, payload } = packet;
    return { connection, messageId, dup, payload: String(payload) };
  });

const ack = (messageId = 0): Packet => ({ cmd: 'puback', messageId, reasonCode: 0 });
const grant = (messageId = 0): Packet => ({ cmd: 'suback', messageId, granted: [1] });

describe('the MQTT connection', () => {
  let authority: TestAuthority;
  let identity: ConnectOptions['identity'];
  let broker: ScriptedBroker;
  let device: DeviceConnection;
  let told: ConnectionEvent[];

  beforeAll(async () => {
    authority = await TestAuthority.create();
    identity = await deviceOf(authority, 'lamp-1');
  });
  beforeEach(async () => {
    told = [];
    broker = await ScriptedBroker.start(authority);
  });
  afterEach(async () => {
    await device.close({ drainMs: 0 });
    await broker[Symbol.asyncDispose]();
  });

  function start(more: Partial<ConnectOptions> = {}): void {
    device = connectDevice({
      url: broker.url,
      identity,
      random,
      reconnectMaxMs: 20,
      onEvent: (event) => void told.push(event),
      ...more,
    });
  }

  const connections = (count: number) =>
    expect.poll(() => told.filter(({ kind }) => kind === 'connected').length).toBe(count);

  test('asks for a session that outlives it, and says what it takes at once', async () => {
    start();
    await connections(1);
    expect(broker.of('connect')[0]?.packet).toMatchObject({
      clientId: 'lamp-1',
      clean: false,
      keepalive: 30,
      properties: { sessionExpiryInterval: 3_600, receiveMaximum: 32, maximumPacketSize: 262_144 },
    });
  });

  test('loses nothing of what is more than the connection takes at once', async () => {
    broker.script = ({ cmd, messageId }) => {
      if (cmd === 'publish') broker.send(ack(messageId));
      if (cmd === 'subscribe') broker.send(grant(messageId));
    };
    start();
    await connections(1);
    const large = Buffer.alloc(250_000, 'a');
    const done = Array.from({ length: 20 }, () => device.publish('t', large));
    done.push(device.subscribe('u', () => undefined).then(() => undefined));
    await Promise.all(done);
    expect(publishes(broker).length).toBe(20);
    expect(told.filter(({ kind }) => kind === 'connected').length).toBe(1);
  });

  test('ends with a server that sends more at once than it was told', async () => {
    start({ receiveMax: 2, reconnectMaxMs: 60_000 });
    const handling = Promise.withResolvers<void>();
    const granted = device.subscribe('t', () => handling.promise);
    await expect.poll(() => broker.of('subscribe').length).toBe(1);
    broker.send(grant(broker.of('subscribe')[0]?.packet.messageId));
    await granted;
    for (const messageId of [1, 2, 3])
      broker.send({ cmd: 'publish', topic: 't', payload: 'x', qos: 1, dup: false, retain: false, messageId });
    await expect.poll(() => broker.of('disconnect')[0]?.packet).toMatchObject({ reasonCode: 0x93 });
    handling.resolve();
  });

  test('is over soon after its close, whatever the server still sends', async () => {
    await using drip = await ScriptedBroker.start(authority, { allowHalfOpen: true });
    drip.script = (packet, _, socket) => {
      if (packet.cmd !== 'disconnect') return;
      const timer = setInterval(() => drip.send({ cmd: 'pingresp' }, socket), 200);
      socket.once('close', () => clearInterval(timer));
    };
    start({ url: drip.url });
    await connections(1);
    await device.close();
    await expect.poll(() => drip.sockets[0]?.closed, { timeout: 5_000 }).toBe(true);
  });

  test('says goodbye before its close resolves, and leaves a session only where it is told to', async () => {
    start();
    await connections(1);
    const gone = new Promise<void>((resolve) => broker.sockets[0]?.once('close', () => resolve()));
    await device.close({ endSession: true });
    await gone;
    expect(broker.of('disconnect').map(({ packet }) => packet)).toMatchObject([
      { reasonCode: 0, properties: { sessionExpiryInterval: 0 } },
    ]);
  });

  test('sends no more at once than the server takes', async () => {
    broker.connack = { properties: { receiveMaximum: 2 } };
    start();
    const done = ['a', 'b', 'c', 'd'].map((payload) => device.publish('t', payload));
    await expect.poll(() => publishes(broker).length).toBe(2);
    broker.script = ({ cmd, messageId }) => void (cmd === 'publish' && broker.send(ack(messageId)));
    broker.send(ack(publishes(broker)[1]?.messageId));
    await done[1];
    broker.send(ack(publishes(broker)[0]?.messageId));
    await Promise.all(done);
    expect(publishes(broker).map(({ payload }) => payload)).toEqual(['a', 'b', 'c', 'd']);
  });

  test('sends what was not acknowledged again, in its order: in a session that is there as a duplicate', async () => {
    start();
    const done = ['a', 'b', 'c'].map((payload) => device.publish('t', payload));
    await expect.poll(() => publishes(broker).length).toBe(3);
    broker.send(ack(publishes(broker)[0]?.messageId));
    await done[0];
    broker.connack = { sessionPresent: true };
    broker.sockets[0]?.destroy();
    await expect.poll(() => publishes(broker).length).toBe(5);
    const [, b, c, ...again] = publishes(broker);
    expect(again).toEqual([
      { ...b, connection: 1, dup: true },
      { ...c, connection: 1, dup: true },
    ]);
    broker.connack = { sessionPresent: false };
    broker.sockets[1]?.destroy();
    await expect.poll(() => publishes(broker).length).toBe(7);
    expect(publishes(broker).slice(5)).toMatchObject([
      { connection: 2, payload: 'b', dup: false },
      { connection: 2, payload: 'c', dup: false },
    ]);
    for (const { messageId } of publishes(broker).slice(5)) broker.send(ack(messageId));
    await Promise.all(done);
  });

  test('subscribes again where the session is gone, and only there', async () => {
    broker.script = (packet) => void (packet.cmd === 'subscribe' && broker.send(grant(packet.messageId)));
    start();
    await device.subscribe('commands/lamp-1', () => undefined);
    broker.connack = { sessionPresent: true };
    broker.sockets[0]?.destroy();
    await connections(2);
    broker.connack = { sessionPresent: false };
    broker.sockets[1]?.destroy();
    await expect.poll(() => broker.of('subscribe').map(({ connection }) => connection)).toEqual([0, 2]);
  });

  test('acknowledges in the order in which messages came, each when its handler is done', async () => {
    broker.script = (packet) => void (packet.cmd === 'subscribe' && broker.send(grant(packet.messageId)));
    start();
    const slow = Promise.withResolvers<void>();
    const failing = new Error('no such command');
    await device.subscribe('a', () => slow.promise);
    await device.subscribe('b', () => {
      throw failing;
    });
    for (const [messageId, topic] of [
      [7, 'a'],
      [8, 'b'],
      [9, 'nobody'],
    ] as const)
      broker.send({ cmd: 'publish', topic, payload: 'x', qos: 1, messageId, dup: false, retain: false });
    await expect.poll(() => told).toContainEqual({ kind: 'unhandled', topic: 'nobody' });
    expect(told).toContainEqual({ kind: 'handler-failed', topic: 'b', error: failing });
    expect(broker.of('puback')).toEqual([]);
    slow.resolve();
    await expect.poll(() => broker.of('puback').map(({ packet }) => packet.messageId)).toEqual([7, 8, 9]);
  });

  test('drops messages with QoS 0 above what handlers may hold, and tells', async () => {
    broker.script = (packet) => void (packet.cmd === 'subscribe' && broker.send(grant(packet.messageId)));
    start({ receiveMax: 2 });
    const held: PromiseWithResolvers<void>[] = [];
    await device.subscribe('a', () => {
      held.push(Promise.withResolvers());
      return held.at(-1)?.promise;
    });
    const message = { cmd: 'publish', topic: 'a', payload: 'x', qos: 0, dup: false, retain: false } as const;
    const dropped = () => told.filter(({ kind }) => kind === 'dropped').length;
    for (let count = 0; count < 5; count++) broker.send(message);
    await expect.poll(dropped).toBe(3);
    expect(held).toHaveLength(2);
    held[0]?.resolve();
    await held[0]?.promise;
    broker.send(message);
    await expect.poll(() => held.length).toBe(3);
    expect(dropped()).toBe(3);
  });

  test('notices a server that is silent', async () => {
    start({ keepAliveSeconds: 1 });
    await connections(2);
    expect(told.find(({ kind }) => kind === 'disconnected')).toMatchObject({ loss: { kind: 'silent' } });
    expect(broker.of('pingreq').length).toBeGreaterThan(0);
  });

  test('says why the server ends it, and what is no MQTT', async () => {
    start();
    await connections(1);
    broker.send({ cmd: 'disconnect', reasonCode: 0x98, properties: { reasonString: 'maintenance' } });
    await connections(2);
    broker.sockets[1]?.write(Buffer.from([0, 0]));
    await connections(3);
    expect(told.flatMap((event) => (event.kind === 'disconnected' ? [event.explanation] : []))).toEqual([
      'the server ended the connection: administrative action (0x98): maintenance',
      expect.stringContaining('what the server sent is not MQTT 5'),
    ]);
    expect(broker.of('disconnect').at(-1)?.packet).toMatchObject({ reasonCode: 0x81 });
  });

  test('stops where the server will never take it, until it has another identity', async () => {
    broker.connack = { reasonCode: 0x8a };
    start();
    await expect
      .poll(() => told.at(-1))
      .toMatchObject({
        kind: 'stopped',
        explanation: 'the server refuses the connection: banned (0x8a)',
      });
    const waiting = device.publish('t', 'x');
    broker.connack = {};
    broker.script = ({ cmd, messageId }) => void (cmd === 'publish' && broker.send(ack(messageId)));
    device.replaceIdentity(identity);
    await waiting;
    expect(broker.sockets.length).toBe(2);
  });

  test('goes on trying where only a policy is missing', async () => {
    broker.connack = { reasonCode: 0x87 };
    start();
    await expect.poll(() => broker.sockets.length).toBeGreaterThan(2);
    broker.connack = {};
    await connections(1);
  });

  test('publishes nothing that the server does not take, and waits for no more than it may hold', async () => {
    broker.connack = { properties: { maximumPacketSize: 100, retainAvailable: false } };
    start({ waitingMax: 2 });
    await connections(1);
    const reasons = [device.publish('t', 'x'.repeat(100)), device.publish('t', 'x', { retain: true })].map(
      (attempt) => expect(attempt).rejects.toMatchObject({ code: 'device.refused' }),
    );
    await Promise.all(reasons);
    expect(publishes(broker)).toEqual([]);
    broker.connack = { reasonCode: 0x88 };
    broker.sockets[0]?.destroy();
    await expect.poll(() => device.isConnected).toBe(false);
    const waiting = [device.publish('t', '1'), device.publish('t', '2')].map((attempt) =>
      expect(attempt).rejects.toMatchObject({ code: 'device.closed' }),
    );
    await expect(device.publish('t', '3')).rejects.toMatchObject({ code: 'device.queue_full' });
    await expect(device.publish('t', '4', { qos: 0 })).rejects.toMatchObject({
      code: 'device.not_connected',
    });
    await device.close();
    await Promise.all(waiting);
    await expect(device.publish('t', '5')).rejects.toMatchObject({ code: 'device.closed' });
  });

  test('waits no longer than its caller', async () => {
    broker.connack = { reasonCode: 0x88 };
    start();
    const attempt = device.publish('t', 'x', { signal: AbortSignal.timeout(20) });
    await expect(attempt).rejects.toMatchObject({ name: 'TimeoutError' });
    broker.connack = {};
    await connections(1);
    expect(publishes(broker)).toEqual([]);
  });

  test('takes an address and an identity that can be none at once', () => {
    start();
    expect(() => connectDevice({ url: 'mqtt://localhost', identity, random })).toThrow(
      'is not `mqtts://HOST:PORT`',
    );
    expect(() => connectDevice({ url: broker.url, identity: { ...identity, key: 'x' }, random })).toThrow(
      'no chain, key and root',
    );
  });
});

describe('the pauses between two connections', () => {
  const limits = { reconnectMaxMs: 60_000, stableMs: 30_000, takeOverMaxMs: 3_600_000 };
  const broken: Loss = { kind: 'broken' };
  const takenOver: Loss = { kind: 'disconnected', reasonCode: 0x8e };
  const most = { bytes: (length: number) => new Uint8Array(length).fill(0xff) };
  const least = { bytes: (length: number) => new Uint8Array(length) };
  const pauses = (random: typeof most, losses: readonly (readonly [Loss, number])[]) => {
    const backOff = new BackOff(random, limits);
    return losses.map(([loss, heldMs]) => backOff.pauseMs(loss, heldMs));
  };

  test('are at random up to a bound that doubles and ends', () => {
    const losses = Array.from({ length: 30 }, () => [broken, 0] as const);
    expect(pauses(most, losses).filter((_, at) => [0, 1, 2, 29].includes(at))).toEqual([
      499, 999, 1_999, 59_999,
    ]);
    expect(new Set(pauses(least, losses))).toEqual(new Set([1]));
  });

  test('are short again only after a connection that held', () => {
    const after = (heldMs: number) =>
      pauses(most, [
        [broken, 0],
        [broken, 0],
        [broken, heldMs],
      ]).at(-1);
    expect([after(29_999), after(30_000)]).toEqual([1_999, 499]);
  });

  test('are longer where the server does not want the device', () => {
    expect(pauses(most, [[{ kind: 'refused', reasonCode: 0x87 }, 0]])).toEqual([3_999]);
  });

  test('after a take-over are never short, and double while two devices take the client id from each other', () => {
    // Each holds it for as long as the other pauses.
    const fight = Array.from(
      { length: 10 },
      (_, at) => [takenOver, Math.min(3_600_000, 30_000 * 2 ** at)] as const,
    );
    expect(pauses(least, fight).slice(0, 4)).toEqual([30_000, 60_000, 120_000, 240_000]);
    expect(pauses(most, fight).at(-1)).toBe(3_600_000);
    expect(
      pauses(least, [
        [takenOver, 0],
        [takenOver, 0],
        [takenOver, 480_000],
      ]).at(-1),
    ).toBe(30_000);
  });
});
