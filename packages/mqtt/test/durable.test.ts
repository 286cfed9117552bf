import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Packet } from '../src/index.ts';
import {
  connected,
  connectPacket,
  publishPacket,
  RawClient,
  type Rig,
  startRig,
  subscribed,
  subscribePacket,
} from './broker-rig.ts';
import { HeldStore } from './held-store.ts';

let rig: Rig;
let store: HeldStore;
beforeEach(() => {
  store = new HeldStore();
});
afterEach(async () => {
  store.isOpen = true;
  await store.letThrough();
  await rig.stop();
});

const step = (kind: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp', packetId: number): Packet => ({
  kind,
  packetId,
  reasonCode: 0,
  properties: {},
});
const ping: Packet = { kind: 'pingreq' };
const pong = { kind: 'pingresp' };

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

async function persistent(
  clientId: string,
  options: { readonly version?: 4 | 5; readonly filter?: string } = {},
) {
  const client = new RawClient(rig.port, options.version ?? 4);
  const properties = options.version === 5 ? { sessionExpiryInterval: 1_000 } : {};
  client.send(connectPacket(options.version ?? 4, { clientId, cleanStart: false, properties }));
  const connack = await client.next();
  if (options.filter !== undefined) {
    client.send(subscribePacket(options.filter, 2));
    await client.next();
  }
  return { client, connack };
}

/** Holds the disk, once all that was written so far is durable. */
async function holdDisk(): Promise<void> {
  await until(() => rig.broker.metrics().uncommittedBytes === 0);
  store.isOpen = false;
}

async function kindOf(packet: Promise<Packet | 'end'>): Promise<string> {
  const got = await packet;
  return got === 'end' ? got : got.kind;
}

/** As after a kill -9: the broker of before is left behind with what it had not committed. */
async function crash(): Promise<void> {
  const before = rig;
  store.fail(new Error('crashed'));
  store = new HeldStore(store.contents);
  rig = await startRig({ store, nowMs: 2_000_000 });
  await before.stop();
}

describe('an acknowledgement', () => {
  test.each([
    [1, 'puback'],
    [2, 'pubrec'],
  ] as const)(
    'of QoS %i waits until the message is durable for a session that is away',
    async (qos, kind) => {
      rig = await startRig({ store });
      const { client } = await persistent('away', { filter: 't' });
      client.socket.destroy();
      const publisher = await connected(rig, 4, { clientId: 'pub' });
      await until(() => rig.broker.get('away') === undefined);
      await holdDisk();
      publisher.send(publishPacket({ topic: 't', qos, packetId: 1 }), ping);
      expect(await publisher.next()).toEqual(pong);
      await until(() => store.waiting === 1);
      await store.letThrough();
      expect(await publisher.next()).toEqual(step(kind, 1));
    },
  );

  test('of what nobody durable is owed comes at once, but not before those of earlier messages', async () => {
    rig = await startRig({ store });
    await persistent('durable', { filter: 't' });
    await subscribed(rig, 4, { id: 'other', filter: 'u', qos: 1 });
    const publisher = await connected(rig, 4, { clientId: 'pub' });
    await holdDisk();
    publisher.send(publishPacket({ topic: 'u', qos: 1, packetId: 1 }));
    expect(await publisher.next()).toEqual(step('puback', 1));
    publisher.send(publishPacket({ topic: 't', qos: 1, packetId: 2 }));
    publisher.send(publishPacket({ topic: 'u', qos: 1, packetId: 3 }), ping);
    expect(await publisher.next()).toEqual(pong);
    await store.letThrough();
    expect([await publisher.next(), await publisher.next()]).toEqual([step('puback', 2), step('puback', 3)]);
  });

  test('PUBREC, PUBCOMP and SUBACK of a kept session wait for what they promise', async () => {
    rig = await startRig({ store });
    const { client } = await persistent('kept');
    await holdDisk();
    const promises: readonly [Packet, string][] = [
      [publishPacket({ qos: 2, packetId: 1 }), 'pubrec'],
      [step('pubrel', 1), 'pubcomp'],
      [subscribePacket('x', 1), 'suback'],
      [{ kind: 'unsubscribe', packetId: 2, filters: ['x'], properties: {} }, 'unsuback'],
    ];
    for (const [packet, answer] of promises) {
      client.send(packet, ping);
      expect(await client.next()).toEqual(pong);
      await until(() => store.waiting === 1);
      await store.letThrough();
      expect(await client.next()).toMatchObject({ kind: answer });
    }
  });

  test('of a message that comes twice waits as the first one did', async () => {
    rig = await startRig({ store });
    const { client } = await persistent('kept');
    await holdDisk();
    client.send(
      publishPacket({ qos: 2, packetId: 1 }),
      publishPacket({ qos: 2, packetId: 1, dup: true }),
      ping,
    );
    expect(await client.next()).toEqual(pong);
    await store.letThrough();
    expect([await client.next(), await client.next()]).toEqual([step('pubrec', 1), step('pubrec', 1)]);
  });

  test.each([
    ['PUBREL', step('pubrel', 1), 'pubcomp'],
    ['PUBREC', step('pubrec', 1), 'pubrel'],
    ['SUBSCRIBE', subscribePacket('x', 1), 'suback'],
    ['UNSUBSCRIBE', { kind: 'unsubscribe', packetId: 2, filters: ['t'], properties: {} }, 'unsuback'],
  ] as const)(
    'of a %s that comes again on a new connection waits as the first one did',
    async (_name, packet, answer) => {
      rig = await startRig({ store });
      const { client } = await persistent('kept', { filter: 't' });
      client.send(publishPacket({ topic: 't', qos: 2, packetId: 1 }));
      for (let count = 0; count < 2; count++) await client.next(); // PUBREC, and the message itself
      await holdDisk();
      client.send(packet, ping);
      expect(await client.next()).toEqual(pong);
      await until(() => store.waiting === 1);
      const again = new RawClient(rig.port, 4);
      again.send(connectPacket(4, { clientId: 'kept', cleanStart: false }), packet, ping);
      const kinds: string[] = [];
      do kinds.push(await kindOf(again.next()));
      while (kinds.at(-1) !== 'pingresp');
      expect(kinds).not.toContain(answer);
      store.isOpen = true;
      await store.letThrough();
      while (kinds.at(-1) !== answer) kinds.push(await kindOf(again.next()));
    },
  );
});

describe('CONNACK', () => {
  const clean = connectPacket(5, {
    clientId: 'kept',
    cleanStart: true,
    properties: { sessionExpiryInterval: 1_000 },
  });

  /** A kept session that holds the packet identifier 1 of a message with QoS 2. */
  async function holdIdentifier(): Promise<RawClient> {
    rig = await startRig({ store });
    const { client } = await persistent('kept', { version: 5 });
    client.send(publishPacket({ topic: 't', qos: 2, packetId: 1 }));
    expect(await kindOf(client.next())).toBe('pubrec');
    await holdDisk();
    return client;
  }

  test.each([
    ['a clean start ends', (client: RawClient) => client.socket.destroy(), clean],
    [
      'its client ended by DISCONNECT',
      (client: RawClient) =>
        client.send({ kind: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 0 } }),
      { ...clean, cleanStart: false },
    ],
  ] as const)('comes when the kept session that %s is gone from the disk', async (_name, leave, connect) => {
    const client = await holdIdentifier();
    leave(client);
    await until(() => rig.broker.get('kept') === undefined);
    const again = new RawClient(rig.port, 5);
    again.send(connect, publishPacket({ topic: 't', qos: 2, packetId: 1 }), ping);
    await until(() => rig.broker.get('kept') !== undefined && store.waiting === 1);
    const other = await connected(rig, 5, { clientId: 'other' }); // waits for nothing
    let heard = '';
    const connack = again.next().then((packet) => {
      heard = packet === 'end' ? packet : packet.kind;
      return packet;
    });
    for (let round = 0; round < 3; round++) {
      other.send(ping);
      expect(await other.next()).toEqual(pong);
    }
    expect(heard).toBe('');
    store.isOpen = true;
    await store.letThrough();
    expect(await connack).toMatchObject({ kind: 'connack', reasonCode: 0, sessionPresent: false });
    expect(await again.next()).toEqual(pong);
    expect(await again.next()).toEqual(step('pubrec', 1));
    expect(rig.broker.metrics().messagesReceived).toBe(2);
    await crash();
    const { connack: resumed } = await persistent('kept', { version: 5 });
    expect(resumed).toMatchObject({ sessionPresent: true });
  });

  test('does not come when the connection ends before that, and a crash leaves the session as it was', async () => {
    const client = await holdIdentifier();
    client.socket.destroy();
    const again = new RawClient(rig.port, 5);
    again.send(clean, ping);
    await until(() => rig.broker.get('kept')?.isOpen === true && store.waiting === 1);
    await crash();
    expect(await again.next()).toBe('end');
    const { client: resumed, connack } = await persistent('kept', { version: 5 });
    expect(connack).toMatchObject({ sessionPresent: true });
    resumed.send(step('pubrel', 1));
    expect(await resumed.next()).toEqual(step('pubcomp', 1));
  });

  test('is a refusal while the disk has no room to forget the session that a clean start would end', async () => {
    const client = await holdIdentifier();
    store.isFull = true;
    client.socket.destroy();
    await until(() => rig.broker.metrics().diskFull === 1);
    const again = new RawClient(rig.port, 5);
    again.send(clean);
    expect(await again.next()).toMatchObject({ kind: 'connack', reasonCode: 0x89 });
    const { connack } = await persistent('kept', { version: 5 });
    expect(connack).toMatchObject({ reasonCode: 0, sessionPresent: true });
    store.isFull = false;
  });
});

describe('a delivery with QoS 2', () => {
  test('leaves when it is durable, one with QoS 1 at once', async () => {
    rig = await startRig({ store });
    const { client } = await persistent('kept', { filter: 't' });
    await holdDisk();
    rig.broker.publish('t', Buffer.from('1'), { qos: 1 });
    rig.broker.publish('t', Buffer.from('2'), { qos: 2 });
    client.send(ping);
    expect(await client.next()).toMatchObject({ payload: Buffer.from('1') });
    expect(await client.next()).toEqual(pong);
    await store.letThrough();
    expect(await client.next()).toMatchObject({ payload: Buffer.from('2') });
  });

  test('is released when that is durable', async () => {
    rig = await startRig({ store });
    const { client } = await persistent('kept', { filter: 't' });
    rig.broker.publish('t', Buffer.from('1'), { qos: 2 });
    await client.next();
    await holdDisk();
    client.send(step('pubrec', 1), ping);
    expect(await client.next()).toEqual(pong);
    await store.letThrough();
    expect(await client.next()).toEqual(step('pubrel', 1));
  });
});

describe('the disk', () => {
  test('is asked for one batch at a time, and what comes meanwhile goes into the next', async () => {
    rig = await startRig({ store });
    await persistent('kept', { filter: 't' });
    await holdDisk();
    const before = rig.broker.metrics().commits;
    for (const text of ['1', '2']) rig.broker.publish('t', Buffer.from(text), { qos: 1 });
    await until(() => store.waiting === 1);
    for (const text of ['3', '4']) rig.broker.publish('t', Buffer.from(text), { qos: 1 });
    await new Promise((resolve) => setImmediate(resolve));
    expect(store.waiting).toBe(1);
    await store.letThrough();
    await until(() => store.waiting === 1);
    await store.letThrough();
    await until(() => rig.broker.metrics().uncommittedBytes === 0);
    expect(rig.broker.metrics().commits - before).toBe(2);
  });

  test('is given no batch before the interval since the last one is over, and then all that came', async () => {
    rig = await startRig({ store, limits: { commitIntervalMs: 1_000 } });
    await persistent('kept', { filter: 't' });
    const settled = () => rig.broker.metrics().uncommittedBytes === 0;
    await until(settled);
    const before = rig.broker.metrics().commits;
    for (const text of ['1', '2', '3']) {
      rig.broker.publish('t', Buffer.from(text), { qos: 1 });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(settled()).toBe(false);
    await until(settled);
    expect(rig.broker.metrics().commits - before).toBe(1);
  });

  test.each([4, 5] as const)(
    'that falls behind slows the publishers that fill it on level %i, loses nothing, and nobody else waits',
    async (version) => {
      rig = await startRig({ store, limits: { uncommittedBytesMax: 1_000, messagesPerSecondMax: 10_000 } });
      const { client } = await persistent('kept', { filter: 't' });
      client.socket.destroy();
      const publisher = await connected(rig, version, { clientId: 'pub' });
      const other = await connected(rig, 4, { clientId: 'other' });
      await until(() => rig.broker.get('kept') === undefined);
      await holdDisk();
      const burst = Array.from({ length: 100 }, (_, index) =>
        publishPacket({ topic: 't', qos: 1, packetId: index + 1, payload: Buffer.from(String(index)) }),
      );
      publisher.send(...burst);
      await until(() => store.waiting === 1);
      other.send(ping);
      expect(await other.next()).toEqual(pong);
      expect(rig.broker.metrics().storedMessages).toBeLessThan(10);
      store.isOpen = true;
      await store.letThrough();
      for (let packetId = 1; packetId <= 100; packetId++)
        expect(await publisher.next()).toEqual(step('puback', packetId));
      expect(rig.broker.metrics().storedMessages).toBe(100);
      publisher.send(ping);
      expect(await publisher.next()).toEqual(pong);
    },
  );

  test('that fails ends everybody unacknowledged, and nobody comes in again', async () => {
    const failures: unknown[] = [];
    rig = await startRig({ store, hooks: { storeFailed: (error) => void failures.push(error) } });
    const { client } = await persistent('kept', { version: 5, filter: 't' });
    await holdDisk();
    client.send(publishPacket({ topic: 't', qos: 1, packetId: 1 }));
    expect(await client.next()).toMatchObject({ kind: 'publish' });
    await until(() => store.waiting === 1);
    const error = new Error('no space left');
    store.fail(error);
    expect(await client.next()).toMatchObject({ kind: 'disconnect', reasonCode: 0x8b });
    expect(failures).toEqual([error]);
    expect(await new RawClient(rig.port, 4).next()).toBe('end');
  });
});

describe('after a crash', () => {
  test('a session has its subscriptions, what it is owed, and its place in QoS 2 both ways', async () => {
    rig = await startRig({ store });
    const { client } = await persistent('kept', { filter: 't' });
    client.send(publishPacket({ topic: 'elsewhere', qos: 2, packetId: 9 }));
    await client.next();
    for (const [text, qos] of [
      ['1', 2],
      ['2', 2],
      ['3', 1],
      ['4', 1],
    ] as const)
      rig.broker.publish('t', Buffer.from(text), { qos });
    for (let count = 0; count < 4; count++) await client.next();
    client.send(step('pubrec', 1), step('puback', 3));
    expect(await client.next()).toEqual(step('pubrel', 1));
    await holdDisk();
    await crash();
    const again = await persistent('kept');
    expect(again.connack).toMatchObject({ sessionPresent: true });
    expect(await again.client.next()).toEqual(step('pubrel', 1));
    expect(await again.client.next()).toMatchObject({ packetId: 2, dup: true, payload: Buffer.from('2') });
    expect(await again.client.next()).toMatchObject({ packetId: 4, dup: true, payload: Buffer.from('4') });
    again.client.send(publishPacket({ topic: 't', qos: 2, packetId: 9, dup: true }), ping);
    expect([await again.client.next(), await again.client.next()]).toEqual([step('pubrec', 9), pong]);
    again.client.send(step('pubcomp', 1), step('puback', 4));
    rig.broker.publish('t', Buffer.from('5'), { qos: 1 });
    expect(await again.client.next()).toMatchObject({ packetId: 5, dup: false, payload: Buffer.from('5') });
  });

  test('what was not durable is not there, and had not been acknowledged', async () => {
    rig = await startRig({ store });
    const { client } = await persistent('kept', { filter: 't' });
    client.socket.destroy();
    await until(() => rig.broker.get('kept') === undefined);
    await holdDisk();
    const publisher = await connected(rig, 4, { clientId: 'pub' });
    publisher.send(publishPacket({ topic: 't', qos: 1, packetId: 1 }), ping);
    expect(await publisher.next()).toEqual(pong);
    await crash();
    expect(await publisher.next()).toBe('end');
    expect(rig.broker.metrics()).toMatchObject({ storedSessions: 1, storedMessages: 0 });
  });

  test('expiries go on: of a session from when its client left, or from the start', async () => {
    rig = await startRig({ store });
    const left = await persistent('left', { version: 5 });
    left.client.send({ kind: 'disconnect', reasonCode: 0, properties: {} });
    await left.client.next();
    await persistent('stayed', { version: 5 });
    await holdDisk();
    await crash();
    expect([...rig.broker.sessions()].map(({ clientId }) => clientId)).toEqual(['left', 'stayed']);
    rig.advance(250); // a thousand seconds after the first run
    expect([...rig.broker.sessions()].map(({ clientId }) => clientId)).toEqual(['stayed']);
    rig.advance(1_000_000);
    expect([...rig.broker.sessions()]).toEqual([]);
  });

  test('nothing is left of sessions, messages and identifiers that are over', async () => {
    rig = await startRig({ store });
    const { client } = await persistent('kept', { version: 5, filter: 't' });
    rig.broker.publish('t', Buffer.from('1'), { qos: 1 });
    await client.next();
    client.send(step('puback', 1), { kind: 'unsubscribe', packetId: 2, filters: ['t'], properties: {} });
    await client.next();
    client.send({ kind: 'disconnect', reasonCode: 0, properties: { sessionExpiryInterval: 0 } });
    await client.next();
    await holdDisk();
    const { sessions, messages } = store.contents;
    expect([sessions.size, messages.size]).toEqual([0, 0]);
  });
});

test('what a crash makes uncertain goes with DUP: acknowledgements of earlier ones may not have been durable', async () => {
  rig = await startRig({ store, limits: { inflightOutMax: 1 } });
  const { client } = await persistent('kept', { filter: 't' });
  for (const text of ['1', '2', '3']) rig.broker.publish('t', Buffer.from(text), { qos: 1 });
  await holdDisk();
  expect(await client.next()).toMatchObject({ packetId: 1, dup: false });
  client.send(step('puback', 1));
  expect(await client.next()).toMatchObject({ packetId: 2, dup: false });
  await crash();
  const again = await persistent('kept');
  expect(await again.client.next()).toMatchObject({ packetId: 1, dup: true });
  again.client.send(step('puback', 1));
  expect(await again.client.next()).toMatchObject({ packetId: 2, dup: true });
});
