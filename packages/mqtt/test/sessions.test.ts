import { afterEach, describe, expect, test } from 'vitest';
import type { Packet } from '../src/index.ts';
import {
  allowAll,
  connectPacket,
  publishPacket,
  RawClient,
  type Rig,
  startRig,
  subscribePacket,
} from './broker-rig.ts';
import { HeldStore } from './held-store.ts';

let rig: Rig;
afterEach(() => rig.stop());

const step = (kind: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp', packetId: number): Packet => ({
  kind,
  packetId,
  reasonCode: 0,
  properties: {},
});
const goodbye: Packet = { kind: 'disconnect', reasonCode: 0, properties: {} };
const end = 'end';

type ConnectFields = Partial<Packet & { kind: 'connect' }>;

/** As a client that keeps its session for 100 seconds. */
async function resume(version: 4 | 5, overrides: ConnectFields = {}) {
  const properties = version === 5 ? { sessionExpiryInterval: 100, ...overrides.properties } : {};
  const client = new RawClient(rig.port, version);
  client.send(connectPacket(version, { cleanStart: false, ...overrides, properties }));
  const connack = await client.next();
  if (connack === end || connack.kind !== 'connack') throw new TypeError('no CONNACK');
  return { client, connack };
}

async function leave(client: RawClient, packet: Packet = goodbye): Promise<void> {
  client.send(packet);
  expect(await client.next()).toBe(end);
}

function publish(text: string, qos: 0 | 1 | 2 = 1): number {
  return rig.broker.publish('t', Buffer.from(text), { qos });
}

async function texts(client: RawClient, count: number): Promise<string[]> {
  const packets: string[] = [];
  for (let index = 0; index < count; index++) {
    const packet = await client.next();
    if (packet === end) return [...packets, end];
    packets.push(
      packet.kind === 'publish' ? `${packet.dup ? 'again ' : ''}${String(packet.payload)}` : packet.kind,
    );
  }
  return packets;
}

describe.each([4, 5] as const)('a session on level %i', (version) => {
  test('ends with its connection where its owner says so, whatever it asked for, and MQTT 5 is told', async () => {
    const hooks = { connect: () => ({ kind: 'accept', access: allowAll, isTransient: true }) as const };
    rig = await startRig({ hooks });
    for (const farewell of [goodbye, { ...goodbye, properties: { sessionExpiryInterval: 50 } } as Packet]) {
      const { client, connack } = await resume(version);
      expect(connack.sessionPresent).toBe(false);
      if (version === 5) expect(connack.properties).toMatchObject({ sessionExpiryInterval: 0 });
      client.send(subscribePacket('t', 1));
      await client.next();
      await leave(client, version === 5 ? farewell : goodbye);
      expect(rig.broker.session('device-1')).toBeUndefined();
      expect(publish('nobody')).toBe(0);
    }
  });

  test('is owed what came while its client was away, in order; QoS 0 is not kept', async () => {
    rig = await startRig();
    const first = await resume(version);
    expect(first.connack.sessionPresent).toBe(false);
    first.client.send(subscribePacket('t', 2));
    await first.client.next();
    await leave(first.client);
    expect([publish('1'), publish('0', 0), publish('2', 2), publish('3')]).toEqual([1, 0, 1, 1]);
    const { client, connack } = await resume(version);
    expect(connack.sessionPresent).toBe(true);
    expect(await texts(client, 3)).toEqual(['1', '2', '3']);
    expect(publish('4')).toBe(1); // the subscription is there without a SUBSCRIBE
    expect(await texts(client, 1)).toEqual(['4']);
  });

  test('sends again, with DUP, what was not acknowledged, and PUBREL where PUBREC was', async () => {
    rig = await startRig();
    const { client } = await resume(version);
    client.send(subscribePacket('t', 2));
    await client.next();
    publish('1');
    publish('2', 2);
    publish('3', 2);
    publish('4');
    expect(await texts(client, 4)).toEqual(['1', '2', '3', '4']);
    client.send(step('pubrec', 2), step('puback', 4));
    expect(await client.next()).toEqual(step('pubrel', 2));
    client.socket.destroy();
    const again = await resume(version);
    expect(await again.client.next()).toMatchObject({ packetId: 1, dup: true, qos: 1 });
    expect(await again.client.next()).toEqual(step('pubrel', 2));
    expect(await again.client.next()).toMatchObject({ packetId: 3, dup: true, qos: 2 });
    again.client.send({ kind: 'pingreq' });
    expect(await again.client.next()).toEqual({ kind: 'pingresp' });
  });

  test('remembers which QoS 2 messages of its client it has', async () => {
    rig = await startRig();
    const { client } = await resume(version);
    client.send(publishPacket({ qos: 2, packetId: 9 }));
    expect(await client.next()).toEqual(step('pubrec', 9));
    client.socket.destroy();
    const again = await resume(version);
    again.client.send(subscribePacket('#', 0), publishPacket({ qos: 2, packetId: 9, dup: true }));
    expect(await texts(again.client, 2)).toEqual(['suback', 'pubrec']);
    again.client.send(step('pubrel', 9), publishPacket({ qos: 2, packetId: 9 }));
    expect(await texts(again.client, 3)).toEqual(['pubcomp', 'hello', 'pubrec']);
  });

  test('is discarded by a clean start', async () => {
    rig = await startRig();
    const { client } = await resume(version);
    client.send(subscribePacket('t', 1));
    await client.next();
    await leave(client);
    publish('1');
    const clean = await resume(version, { cleanStart: true });
    expect(clean.connack.sessionPresent).toBe(false);
    expect(publish('2')).toBe(0);
    expect(rig.broker.metrics()).toMatchObject({ subscriptions: 0, storedMessages: 0, storedBytes: 0 });
  });

  test('goes on with its newest connection when an older one is still there', async () => {
    rig = await startRig();
    const older = await resume(version);
    older.client.send(subscribePacket('t', 1));
    await older.client.next();
    publish('1');
    const newer = await resume(version);
    expect(newer.connack.sessionPresent).toBe(true);
    expect(await texts(older.client, 3)).toEqual(version === 5 ? ['1', 'disconnect', end] : ['1', end]);
    expect(await texts(newer.client, 1)).toEqual(['again 1']);
  });

  test('belongs to its owner: another one with the same client id gets nothing of it', async () => {
    let owner = 'a';
    rig = await startRig({ hooks: { connect: () => ({ kind: 'accept', access: allowAll, owner }) } });
    const { client } = await resume(version);
    client.send(subscribePacket('t', 1));
    await client.next();
    await leave(client);
    publish('secret');
    owner = 'b';
    const other = await resume(version);
    expect(other.connack.sessionPresent).toBe(false);
    expect(publish('2')).toBe(0);
    await leave(other.client);
    owner = 'a';
    expect((await resume(version)).connack.sessionPresent).toBe(false);
  });
});

describe('a session', () => {
  test('ends when its client was away for its expiry, or with the connection when that is 0', async () => {
    rig = await startRig();
    const { client } = await resume(5);
    client.send(subscribePacket('t', 1));
    await client.next();
    await leave(client);
    rig.advance(99_000);
    expect(publish('1')).toBe(1);
    rig.advance(1_250);
    expect(publish('2')).toBe(0);
    expect(rig.broker.metrics()).toMatchObject({ sessionsExpired: 1, storedSessions: 0, storedBytes: 0 });
    const short = await resume(5, { cleanStart: false, properties: { sessionExpiryInterval: 0 } });
    await leave(short.client);
    expect([...rig.broker.sessions()]).toEqual([]);
  });

  test('gets its expiry from DISCONNECT when that names one, capped', async () => {
    rig = await startRig({ limits: { sessionExpirySecondsMax: 200 } });
    const longer = { ...goodbye, properties: { sessionExpiryInterval: 1_000 } };
    const first = await resume(5);
    await leave(first.client, longer);
    rig.advance(199_000);
    const { client, connack } = await resume(5);
    expect(connack).toMatchObject({ sessionPresent: true, properties: {} });
    await leave(client, { ...goodbye, properties: { sessionExpiryInterval: 0 } });
    expect([...rig.broker.sessions()]).toEqual([]);
  });

  test('is capped in its expiry and told so; 4294967295 never ends', async () => {
    rig = await startRig({ limits: { sessionExpirySecondsMax: 50 } });
    const capped = await resume(5);
    expect(capped.connack.properties).toMatchObject({ sessionExpiryInterval: 50 });
    await leave(capped.client);
    rig.advance(51_000);
    expect([...rig.broker.sessions()]).toEqual([]);
    await rig.stop();
    rig = await startRig({ limits: { sessionExpirySecondsMax: 0xffff_ffff } });
    const never = await resume(5, { properties: { sessionExpiryInterval: 0xffff_ffff } });
    expect(never.connack.properties.sessionExpiryInterval).toBeUndefined();
    await leave(never.client);
    for (let year = 0; year < 200; year++) rig.advance(365 * 86_400_000);
    expect([...rig.broker.sessions()]).toHaveLength(1);
  });

  test('of a 3.1.1 client lasts as long as the setting says', async () => {
    rig = await startRig({ limits: { sessionExpirySecondsMax: 50 } });
    const { client } = await resume(4);
    await leave(client);
    rig.advance(49_000);
    expect((await resume(4)).connack.sessionPresent).toBe(true);
  });

  test('passes on how long a message has left, and drops what expired before it was sent', async () => {
    rig = await startRig();
    const { client } = await resume(5);
    client.send(subscribePacket('t', 1));
    await client.next();
    await leave(client);
    const publisher = await resume(5, { clientId: 'publisher' });
    for (const [packetId, seconds] of [10, 60].entries())
      publisher.client.send(
        publishPacket({
          topic: 't',
          qos: 1,
          packetId: packetId + 1,
          properties: { messageExpiryInterval: seconds },
        }),
      );
    expect(await texts(publisher.client, 2)).toEqual(['puback', 'puback']);
    rig.advance(20_000);
    const again = await resume(5);
    expect(await again.client.next()).toMatchObject({ properties: { messageExpiryInterval: 40 } });
    expect(rig.broker.metrics()).toMatchObject({ messagesExpired: 1, storedMessages: 1 });
  });

  test('may be resumed on the other level', async () => {
    rig = await startRig();
    const { client } = await resume(5, { properties: { sessionExpiryInterval: 100 } });
    client.send(subscribePacket('t', 1));
    await client.next();
    await leave(client);
    const publisher = await resume(5, { clientId: 'publisher' });
    publisher.client.send(
      publishPacket({ topic: 't', qos: 1, packetId: 1, properties: { contentType: 'x' } }),
    );
    await publisher.client.next();
    const { client: four, connack } = await resume(4);
    expect(connack.sessionPresent).toBe(true);
    expect(await four.next()).toEqual(publishPacket({ topic: 't', qos: 1, packetId: 1 }));
  });

  test('asks the policy when a message came and when it is sent', async () => {
    rig = await startRig();
    const { client } = await resume(5);
    client.send(subscribePacket('t', 1));
    await client.next();
    await leave(client);
    publish('1');
    const [session] = rig.broker.sessions();
    session?.replaceAccess({ ...allowAll, mayReceive: () => false });
    expect(publish('2')).toBe(0);
    session?.replaceAccess(allowAll);
    publish('3');
    await rig.stop();
  });

  test('is not sent on its return what it may not receive any more', async () => {
    let access = allowAll;
    rig = await startRig({ hooks: { connect: () => ({ kind: 'accept', access }) } });
    const { client } = await resume(5);
    client.send(subscribePacket('t', 1));
    await client.next();
    await leave(client);
    publish('1');
    access = { ...allowAll, mayReceive: () => false };
    const again = await resume(5);
    again.client.send({ kind: 'pingreq' });
    expect(await again.client.next()).toEqual({ kind: 'pingresp' });
    expect(rig.broker.metrics()).toMatchObject({ messagesWithheld: 1, storedMessages: 0 });
  });

  test('keeps to the window of each connection', async () => {
    rig = await startRig();
    const { client } = await resume(5);
    client.send(subscribePacket('t', 1));
    await client.next();
    for (const text of ['1', '2', '3']) publish(text);
    await texts(client, 3);
    client.socket.destroy();
    const again = await resume(5, { properties: { receiveMaximum: 1 } });
    again.client.send({ kind: 'pingreq' });
    expect(await texts(again.client, 2)).toEqual(['again 1', 'pingresp']);
    again.client.send(step('puback', 1), { kind: 'pingreq' });
    expect(await texts(again.client, 2)).toEqual(['again 2', 'pingresp']);
  });
});

describe('limits of sessions', () => {
  test('that cut a connection while its session is resumed leave nothing half done', async () => {
    rig = await startRig({ limits: { outgoingBytesMax: 20 } });
    const { client } = await resume(4);
    client.send(subscribePacket('t', 2));
    await client.next();
    for (let packetId = 1; packetId <= 10; packetId++) {
      publish(String(packetId), 2);
      await client.next();
      client.send(step('pubrec', packetId));
      expect(await client.next()).toEqual(step('pubrel', packetId));
    }
    await leave(client);
    publish('x'.repeat(60));
    expect(rig.broker.metrics()).toMatchObject({ storedSessions: 1, storedMessages: 11 });
    const back = new RawClient(rig.port, 5);
    // The PUBRELs cut it, which ends the session; what comes after them would be too large for it.
    const properties = { sessionExpiryInterval: 0, maximumPacketSize: 40 };
    back.send(connectPacket(5, { cleanStart: false, properties }));
    while ((await back.next()) !== end);
    const { storedSessions, storedMessages, storedBytes, faults } = rig.broker.metrics();
    expect([storedSessions, storedMessages, storedBytes, faults]).toEqual([0, 0, 0, 0]);
  });

  test('that end by their own message leave nothing of it in the store', async () => {
    const store = new HeldStore();
    rig = await startRig({ store, limits: { queuedMessagesMax: 1 } });
    const client = new RawClient(rig.port, 4);
    client.send(connectPacket(4, { clientId: 's', cleanStart: false }), subscribePacket('#', 2));
    for (const kind of ['connack', 'suback']) expect(await client.next()).toMatchObject({ kind });
    client.send(publishPacket({ qos: 2, packetId: 1 }), publishPacket({ qos: 2, packetId: 2 }));
    while ((await client.next()) !== 'end');
    while (rig.broker.metrics().uncommittedBytes > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(rig.broker.metrics()).toMatchObject({ sessionsDropped: 1, storedSessions: 0 });
    expect(store.contents.sessions.size).toBe(0);
  });

  test('end one that is owed too much, its publishers go on, and its client is told', async () => {
    const dropped: string[] = [];
    rig = await startRig({
      limits: { queuedMessagesMax: 2 },
      hooks: { sessionDropped: ({ clientId }, limit) => void dropped.push(`${clientId} ${limit}`) },
    });
    const { client } = await resume(5);
    client.send(subscribePacket('t', 1));
    await client.next();
    await leave(client);
    expect(['1', '2', '3', '4'].map((text) => publish(text))).toEqual([1, 1, 0, 0]);
    expect(dropped).toEqual(['device-1 queuedMessagesMax']);
    expect(rig.broker.metrics()).toMatchObject({ sessionsDropped: 1, storedMessages: 0, storedSessions: 0 });
    expect((await resume(5)).connack.sessionPresent).toBe(false);
  });

  test('end a connected one too, in bytes as in messages', async () => {
    rig = await startRig({ limits: { queuedBytesMax: 100 } });
    const { client } = await resume(5);
    client.send(subscribePacket('t', 1));
    await client.next();
    publish('x'.repeat(60));
    publish('y'.repeat(60));
    expect(await texts(client, 1)).toEqual(['x'.repeat(60)]);
    expect(await client.next()).toMatchObject({ kind: 'disconnect', reasonCode: 0x97 });
    expect((await resume(5)).connack.sessionPresent).toBe(false);
  });

  test('make room by what has expired first', async () => {
    rig = await startRig({ limits: { queuedMessagesMax: 1 } });
    const { client } = await resume(5);
    client.send(subscribePacket('t', 1));
    await client.next();
    await leave(client);
    const publisher = await resume(5, { clientId: 'publisher' });
    const properties = { messageExpiryInterval: 1 };
    publisher.client.send(publishPacket({ topic: 't', qos: 1, packetId: 1, properties }));
    await publisher.client.next();
    rig.advance(2_000);
    expect(publish('2')).toBe(1);
    expect(await texts((await resume(5)).client, 1)).toEqual(['2']);
  });

  test.each([
    ['storedMessagesMax', 4, 1],
    ['storedMessagesMax', 5, 1],
    ['storedBytesMax', 5, 34], // the subscription takes 33
  ] as const)('refuse a publisher when %s is full, on level %i', async (limit, version, max) => {
    rig = await startRig({ limits: { [limit]: max } });
    const { client } = await resume(5);
    client.send(subscribePacket('t', 1));
    await client.next();
    await leave(client);
    const publisher = await resume(version, { clientId: 'publisher' });
    publisher.client.send(publishPacket({ topic: 't', qos: 1, packetId: 1 }));
    expect(await publisher.client.next()).toEqual(step('puback', 1));
    publisher.client.send(
      publishPacket({ topic: 'other', qos: 1, packetId: 2 }),
      publishPacket({ topic: 't' }),
    );
    expect(await publisher.client.next()).toEqual(step('puback', 2));
    publisher.client.send(publishPacket({ topic: 't', qos: 1, packetId: 3 }));
    const refused = { kind: 'puback', packetId: 3, reasonCode: 0x97 };
    if (version === 5) expect(await publisher.client.next()).toMatchObject(refused);
    else expect(await publisher.client.next()).toBe(end);
    expect(rig.events).toContain(`limited ${limit}`);
    expect(rig.broker.metrics()).toMatchObject({ publishesRefused: 1, storedMessages: 1 });
  });

  test('refuse one session more than sessionsMax, and none that ends with its connection', async () => {
    rig = await startRig({ limits: { sessionsMax: 1 } });
    await resume(5);
    expect((await resume(5, { clientId: 'b' })).connack.reasonCode).toBe(0x97);
    expect((await resume(4, { clientId: 'c' })).connack.reasonCode).toBe(3);
    expect((await resume(4, { clientId: 'd', cleanStart: true })).connack.reasonCode).toBe(0);
    expect((await resume(5)).connack.reasonCode).toBe(0);
    expect(rig.events).toContain('limited sessionsMax');
  });
});
