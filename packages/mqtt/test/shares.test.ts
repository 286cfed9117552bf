import { afterEach, describe, expect, test } from 'vitest';
import type { BrokerLimits, ConnectVerdict, Packet } from '../src/index.ts';
import {
  allowAll,
  connected,
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

/** Client ids are `OWNER/NUMBER`. */
function verdict({ clientId }: { readonly clientId: string }): ConnectVerdict {
  return { kind: 'accept', access: allowAll, owner: clientId.split('/')[0]! };
}

const dropped: string[] = [];

async function start(limits: Partial<BrokerLimits>, store = new HeldStore()): Promise<HeldStore> {
  dropped.length = 0;
  const sessionDropped = ({ clientId }: { readonly clientId: string }, limit: string) =>
    void dropped.push(`${clientId} ${limit}`);
  rig = await startRig({ limits, store, hooks: { connect: verdict, sessionDropped } });
  return store;
}

async function durable(): Promise<void> {
  while (rig.broker.metrics().uncommittedBytes > 0) await new Promise((resolve) => setImmediate(resolve));
}

/** As after a kill -9, in which only what was durable is left. */
async function restart(store: HeldStore, limits: Partial<BrokerLimits>): Promise<void> {
  await durable();
  const before = rig;
  await start(limits, new HeldStore(store.contents));
  await before.stop();
}

type ConnectFields = Partial<Packet & { kind: 'connect' }>;

/** As one that keeps its session. */
async function keep(version: 4 | 5, clientId: string, fields: ConnectFields = {}) {
  const client = new RawClient(rig.port, version);
  const properties = version === 5 ? { sessionExpiryInterval: 100 } : {};
  client.send(connectPacket(version, { clientId, cleanStart: false, properties, ...fields }));
  const connack = await client.next();
  if (connack === 'end' || connack.kind !== 'connack') throw new TypeError('no CONNACK');
  return { client, code: connack.reasonCode };
}

async function keepSubscribed(version: 4 | 5, clientId: string, filter: string): Promise<RawClient> {
  const { client, code } = await keep(version, clientId);
  expect(code).toBe(0);
  client.send(subscribePacket(filter, 1));
  expect(await client.next()).toMatchObject({ kind: 'suback', reasonCodes: [1] });
  return client;
}

async function leave(client: RawClient): Promise<void> {
  client.send({ kind: 'disconnect', reasonCode: 0, properties: {} });
  expect(await client.next()).toBe('end');
}

async function publish(client: RawClient, fields: Partial<Packet & { kind: 'publish' }>): Promise<unknown> {
  client.send(publishPacket({ qos: 1, packetId: 1, ...fields }));
  const answer = await client.next();
  return answer === 'end' || !('reasonCode' in answer) ? answer : answer.reasonCode;
}

const bytes = (length: number): Buffer => Buffer.alloc(length, 'x');
const will = (length: number) =>
  ({ topic: 'w', payload: bytes(length), qos: 0, retain: false, properties: {} }) as const;

describe('one owner that fills its share of', () => {
  test.each([
    [4, 3],
    [5, 0x97],
  ] as const)('sessions is refused one more, on level %i, and nobody else is', async (version, refused) => {
    const limits = { sessionsMax: 100, sessionsPerOwnerMax: 3 };
    const store = await start(limits);
    for (const id of ['hostile/1', 'hostile/2', 'hostile/3']) expect((await keep(version, id)).code).toBe(0);
    expect((await keep(version, 'hostile/4')).code).toBe(refused);
    expect((await keep(version, 'hostile/3')).code).toBe(0); // it is there already
    expect((await keep(version, 'hostile/3', { cleanStart: version === 5 })).code).toBe(0); // in its place
    await connected(rig, 4, { clientId: 'hostile/4' }); // nothing of it is kept
    for (const id of ['good/1', 'good/2', 'fair/1']) expect((await keep(version, id)).code).toBe(0);
    expect(rig.events.filter((event) => event === 'limited sessionsPerOwnerMax')).toHaveLength(1);
    expect(rig.broker.limitsReached().get('sessionsPerOwnerMax')).toBe(1);
    expect(rig.broker.metrics()).toMatchObject({ sessionsRefused: 1, storedSessions: 6, owners: 3 });
    await restart(store, limits);
    expect((await keep(version, 'hostile/4')).code).toBe(refused);
    expect((await keep(version, 'good/3')).code).toBe(0);
  });

  test('sessions has room again when one expired', async () => {
    await start({ sessionsPerOwnerMax: 1 });
    await leave((await keep(5, 'hostile/1')).client);
    expect((await keep(5, 'hostile/2')).code).toBe(0x97);
    rig.advance(101_000);
    expect((await keep(5, 'hostile/2')).code).toBe(0);
  });

  test('sessions gets no second share while what an earlier session left to others is on its way', async () => {
    const givenATurn = 64; // all is given, and the session not closed yet
    const store = await start({ sessionsPerOwnerMax: 1, uncommittedBytesMax: 1_000 });
    await leave(await keepSubscribed(5, 'hostile/1', '$share/g/jobs'));
    for (let count = 0; count < givenATurn; count++) rig.broker.publish('jobs', bytes(10), { qos: 1 });
    await durable();
    store.isOpen = false;
    rig.advance(101_000);
    while (rig.broker.metrics().storedMessages > 0) await new Promise((resolve) => setImmediate(resolve));
    expect((await keep(5, 'hostile/2')).code).toBe(0);
    store.isOpen = true;
    await store.letThrough();
    await durable();
    expect((await keep(5, 'hostile/3')).code).toBe(0x97);
    expect(rig.broker.metrics()).toMatchObject({ storedSessions: 1, owners: 1 });
  });

  test.each(['storedMessagesPerOwnerMax', 'storedBytesPerOwnerMax'] as const)(
    'messages (%s) loses the session that is owed most; one that keeps up, others and publishers go on',
    async (limit) => {
      const limits = { [limit]: limit === 'storedMessagesPerOwnerMax' ? 6 : 1_000 };
      const store = await start(limits);
      await leave(await keepSubscribed(5, 'hostile/1', 'flood'));
      await leave(await keepSubscribed(4, 'hostile/2', 'late'));
      const quick = await keepSubscribed(5, 'hostile/3', 'flood');
      await leave(await keepSubscribed(5, 'good/1', 'flood'));
      const publisher = await connected(rig, 5, { clientId: 'p/1' });
      for (let count = 1; count <= 12; count++) {
        expect(await publish(publisher, { topic: 'flood', payload: bytes(150) })).toBe(0);
        expect(await quick.next()).toMatchObject({ kind: 'publish', topic: 'flood' });
        quick.send({ kind: 'puback', packetId: count, reasonCode: 0, properties: {} });
        if (dropped.length > 0) break;
      }
      expect(dropped).toEqual([`hostile/1 ${limit}`]);
      expect(rig.broker.metrics()).toMatchObject({ sessionsDropped: 1, storedSessions: 3 });
      expect(rig.broker.limitsReached().get(limit)).toBe(1);
      expect(quick.isEnded).toBe(false);
      // What the rest of the owner is owed is counted on after a restart.
      await restart(store, limits);
      const again = await connected(rig, 5, { clientId: 'p/1' });
      while (dropped.length < 1) expect(await publish(again, { topic: 'late', payload: bytes(150) })).toBe(0);
      expect(dropped).toEqual([`hostile/2 ${limit}`]);
    },
  );

  test.each([4, 5] as const)(
    'what sessions store besides messages is refused more of it, on level %i',
    async (version) => {
      const limits = { storedBytesPerOwnerMax: 370 };
      const store = await start(limits);
      expect((await keep(version, 'hostile/1', { will: will(500) })).code).toBe(version === 5 ? 0x97 : 3);
      const { client } = await keep(version, 'hostile/1', { will: will(200) });
      client.send(subscribePacket('f'.repeat(60), 1));
      expect(await client.next()).toMatchObject({ reasonCodes: [1] });
      client.send(subscribePacket('g'.repeat(60), 1));
      expect(await client.next()).toMatchObject({ reasonCodes: [version === 5 ? 0x97 : 0x80] });
      client.send(publishPacket({ qos: 2, packetId: 1 }), publishPacket({ qos: 2, packetId: 2 }));
      client.send(publishPacket({ qos: 2, packetId: 3 }));
      const ok = { kind: 'pubrec', reasonCode: 0 };
      for (const packetId of [1, 2]) expect(await client.next()).toMatchObject({ ...ok, packetId });
      if (version === 5)
        expect(await client.next()).toMatchObject({ kind: 'pubrec', packetId: 3, reasonCode: 0x97 });
      else expect(await client.next()).toBe('end'); // 3.1.1 has no refusal, and an acknowledgement would be one
      const other = await keepSubscribed(version, 'good/1', 'f'.repeat(60));
      expect(await publish(other, { qos: 2, packetId: 3 })).toBe(0);
      await restart(store, limits);
      expect((await keep(version, 'hostile/2', { will: will(300) })).code).not.toBe(0);
      expect((await keep(version, 'fair/1', { will: will(300) })).code).toBe(0);
    },
  );

  test('what sessions store is refused a will also for the last connection of one that is kept', async () => {
    await start({ storedBytesPerOwnerMax: 370 });
    await leave((await keep(5, 'hostile/1')).client);
    const last = { properties: {} }; // it ends with this connection
    expect((await keep(5, 'hostile/1', { ...last, will: will(500) })).code).toBe(0x97);
    expect((await keep(5, 'hostile/1', { ...last, will: will(200) })).code).toBe(0);
  });

  test.each([
    [{ retainedMessagesPerOwnerMax: 2 }, 'retainedMessagesPerOwnerMax'],
    [{ retainedBytesPerOwnerMax: 650 }, 'retainedBytesPerOwnerMax'],
  ] as const)(
    'retained messages is refused one more; who replaces one pays for it (%j)',
    async (limits, limit) => {
      const store = await start(limits);
      const payload = bytes(100);
      const hostile = await connected(rig, 5, { clientId: 'hostile/1' });
      for (const topic of ['a', 'b'])
        expect(await publish(hostile, { topic, payload, retain: true })).toBe(0);
      expect(await publish(hostile, { topic: 'c', payload, retain: true })).toBe(0x97);
      expect(await publish(hostile, { topic: 'a', payload, retain: true })).toBe(0); // in its place
      const old = await connected(rig, 4, { clientId: 'hostile/2' });
      expect(await publish(old, { topic: 'c', payload, retain: true })).toBe('end');
      expect(rig.events).toContain(`limited ${limit}`);
      const good = await connected(rig, 5, { clientId: 'good/1' });
      for (const topic of ['a', 'c']) expect(await publish(good, { topic, payload, retain: true })).toBe(0);
      expect(await publish(good, { topic: 'd', payload, retain: true })).toBe(0x97);
      await restart(store, limits);
      const again = await connected(rig, 5, { clientId: 'hostile/1' });
      for (const [topic, code] of [
        ['d', 0],
        ['e', 0x97],
      ] as const)
        expect(await publish(again, { topic, payload, retain: true })).toBe(code);
      expect(await publish(again, { topic: 'b', payload: bytes(0), retain: true })).toBe(0);
      expect(await publish(again, { topic: 'e', payload, retain: true })).toBe(0);
      expect(rig.broker.metrics()).toMatchObject({ retainedMessages: 4, owners: 2 });
    },
  );

  test('messages is sent retained ones all the same, at the cost of the session that is owed most', async () => {
    await start({ storedMessagesPerOwnerMax: 3 });
    await leave(await keepSubscribed(5, 'hostile/1', 't'));
    const publisher = await connected(rig, 5, { clientId: 'p/1' });
    for (let count = 0; count < 3; count++) await publish(publisher, { topic: 't' });
    await publish(publisher, { topic: 'state', retain: true });
    const other = await keepSubscribed(5, 'hostile/2', 'state');
    expect(await other.next()).toMatchObject({ kind: 'publish', topic: 'state', retain: true });
    expect(dropped).toEqual(['hostile/1 storedMessagesPerOwnerMax']);
  });

  test('retained messages by wills is told, and the topic keeps none', async () => {
    await start({ retainedMessagesPerOwnerMax: 1 });
    const first = await connected(rig, 5, { clientId: 'hostile/1', will: { ...will(5), retain: true } });
    const second = await connected(rig, 5, {
      clientId: 'hostile/2',
      will: { ...will(5), topic: 'v', retain: true },
    });
    for (const client of [first, second]) {
      client.socket.destroy();
      const ended = rig.events.length;
      while (rig.events.length === ended) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(rig.broker.metrics()).toMatchObject({
      retainedMessages: 1,
      retainedRefused: 1,
      willsPublished: 2,
    });
    expect(rig.events).toContain('limited retainedMessagesPerOwnerMax');
  });
});

test('a session that is there comes back with its will when all together store too much, a new one does not', async () => {
  await start({ storedBytesMax: 300 });
  const first = await keep(5, 'good/1', { will: will(100) });
  await leave(first.client);
  await leave(await keepSubscribed(5, 'hostile/1', 't'));
  const publisher = await connected(rig, 5, { clientId: 'p/1' });
  while ((await publish(publisher, { topic: 't', payload: bytes(100) })) === 0);
  expect((await keep(5, 'good/2', { will: will(100) })).code).toBe(0x97);
  expect((await keep(5, 'good/1', { will: will(100) })).code).toBe(0);
  expect((await keep(5, 'good/2')).code).toBe(0);
});

test('sessions of nobody in particular are bounded only together', async () => {
  rig = await startRig({ limits: { sessionsPerOwnerMax: 1, sessionsMax: 2 } });
  for (const [id, code] of [
    ['a', 0],
    ['b', 0],
    ['c', 0x97],
  ] as const)
    expect((await keep(5, id)).code).toBe(code);
});
