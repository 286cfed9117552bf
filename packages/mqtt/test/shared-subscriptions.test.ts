import { afterEach, describe, expect, test } from 'vitest';
import type { Access, Packet } from '../src/index.ts';
import {
  allowAll,
  connected,
  publishPacket,
  type RawClient,
  type Rig,
  startRig,
  subscribed,
  subscribePacket,
} from './broker-rig.ts';
import { HeldStore } from './held-store.ts';

let rig: Rig;
afterEach(() => rig.stop());

const payloads = (packets: readonly (Packet | 'end')[]) =>
  packets.map((packet) =>
    packet !== 'end' && packet.kind === 'publish' ? Number(Buffer.from(packet.payload)) : packet,
  );

function publish(...numbers: readonly number[]): void {
  for (const number of numbers) rig.broker.publish('jobs/x', Buffer.from(String(number)), { qos: 1 });
}

async function take(client: RawClient, count: number): Promise<readonly (Packet | 'end')[]> {
  const packets: (Packet | 'end')[] = [];
  for (let index = 0; index < count; index++) packets.push(await client.next());
  return packets;
}

/** Nothing more was sent to it before it asked. */
async function expectQuiet(client: RawClient): Promise<void> {
  client.send({ kind: 'pingreq' });
  expect(await client.next()).toEqual({ kind: 'pingresp' });
}

describe.each([4, 5] as const)('a shared subscription on level %i', (version) => {
  test('gives each message to one member, in turn; other groups and plain subscribers get their own', async () => {
    rig = await startRig();
    const one = await subscribed(rig, version, { id: 'one', filter: '$share/g/jobs/+' });
    const two = await subscribed(rig, version, { id: 'two', filter: '$share/g/jobs/+' });
    const other = await subscribed(rig, version, { id: 'other', filter: '$share/h/jobs/+' });
    const plain = await subscribed(rig, version, { id: 'plain', filter: 'jobs/#' });
    publish(1, 2, 3, 4);
    expect(payloads(await take(one, 2))).toEqual([1, 3]);
    expect(payloads(await take(two, 2))).toEqual([2, 4]);
    expect(payloads(await take(other, 4))).toEqual([1, 2, 3, 4]);
    expect(payloads(await take(plain, 4))).toEqual([1, 2, 3, 4]);
    for (const client of [one, two, other, plain]) await expectQuiet(client);
  });

  test('is given to the rest when a member unsubscribes or goes away, and to nobody after the last', async () => {
    rig = await startRig();
    const one = await subscribed(rig, version, { id: 'one', filter: '$share/g/jobs/+' });
    const two = await subscribed(rig, version, { id: 'two', filter: '$share/g/jobs/+' });
    one.send({ kind: 'unsubscribe', packetId: 9, filters: ['$share/g/jobs/+'], properties: {} });
    expect(await one.next()).toMatchObject({ kind: 'unsuback' });
    publish(1, 2);
    expect(payloads(await take(two, 2))).toEqual([1, 2]);
    await expectQuiet(one);
    two.socket.destroy();
    while (rig.broker.get('two') !== undefined) await new Promise((resolve) => setImmediate(resolve));
    publish(3);
    expect(rig.broker.metrics()).toMatchObject({ subscriptions: 0 });
  });

  test('prefers members that keep up', async () => {
    rig = await startRig({ limits: { inflightOutMax: 1 } });
    const busy = await subscribed(rig, version, { id: 'busy', filter: '$share/g/jobs/+', qos: 1 });
    const free = await subscribed(rig, version, { id: 'free', filter: '$share/g/jobs/+' });
    publish(1, 2, 3, 4, 5);
    expect(payloads(await take(busy, 1))).toEqual([1]); // and does not acknowledge it
    expect(payloads(await take(free, 4))).toEqual([2, 3, 4, 5]);
    await expectQuiet(busy);
  });

  test('grants each member its own QoS (MQTT5-4.8.2-3)', async () => {
    rig = await startRig();
    const zero = await subscribed(rig, version, { id: 'zero', filter: '$share/g/jobs/+' });
    const one = await subscribed(rig, version, { id: 'one', filter: '$share/g/jobs/+', qos: 1 });
    publish(1, 2);
    expect(await zero.next()).toMatchObject({ qos: 0 });
    expect(await one.next()).toMatchObject({ qos: 1 });
  });

  test('is sent no retained messages', async () => {
    rig = await startRig();
    const client = await connected(rig, version);
    client.send(publishPacket({ topic: 'jobs/x', retain: true }), subscribePacket('$share/g/jobs/+'));
    expect(await client.next()).toMatchObject({ kind: 'suback' });
    for (let round = 0; round < 3; round++) await expectQuiet(client);
  });

  test('passes over members whose policy withholds the message', async () => {
    const asked: (string | undefined)[] = [];
    const withheld: Access = {
      ...allowAll,
      mayReceive: (_, shareName) => {
        asked.push(shareName);
        return false;
      },
    };
    rig = await startRig();
    const one = await subscribed(rig, version, { id: 'one', filter: '$share/g/jobs/+' });
    const two = await subscribed(rig, version, { id: 'two', filter: '$share/g/jobs/+' });
    rig.broker.get('one')?.replaceAccess(withheld);
    publish(1, 2);
    expect(payloads(await take(two, 2))).toEqual([1, 2]);
    await expectQuiet(one);
    expect(asked).toContain('g');
    rig.broker.get('two')?.replaceAccess(withheld);
    publish(3);
    expect(rig.broker.metrics()).toMatchObject({ messagesWithheld: 1 });
  });

  test('does not see `$` topics through a leading wildcard', async () => {
    rig = await startRig();
    const client = await subscribed(rig, version, { id: 'one', filter: '$share/g/#' });
    rig.broker.publish('$x/y', Buffer.from('1'), { qos: 0 });
    await expectQuiet(client);
  });

  test.each(['$share/', '$share/g', '$share/g/', '$share//a', '$share/+/a', '$share/g/a#'])(
    'with the filter %s ends the connection (MQTT5-4.8.2-1, -2)',
    async (filter) => {
      rig = await startRig();
      const client = await connected(rig, version);
      client.socket.write(rawSubscribe(filter, version));
      const answer = await client.next();
      expect(answer).toEqual(
        version === 5 ? expect.objectContaining({ kind: 'disconnect', reasonCode: 0x8f }) : 'end',
      );
    },
  );
});

/** The codec would not encode it. */
function rawSubscribe(filter: string, version: 4 | 5): Buffer {
  const text = Buffer.from(filter);
  const head = [0x82, 2 + (version === 5 ? 1 : 0) + 2 + text.length + 1, 0, 9, ...(version === 5 ? [0] : [])];
  return Buffer.from([...head, text.length >> 8, text.length & 0xff, ...text, 0]);
}

describe('what a member did not acknowledge', () => {
  const ack = (kind: 'puback' | 'pubrec' | 'pubcomp', packetId: number, reasonCode = 0): Packet => ({
    kind,
    packetId,
    reasonCode,
    properties: {},
  });
  const member = (
    id: string,
    qos: 0 | 1 | 2,
    sessionExpiryInterval = 0,
    receiveMaximum = 100,
  ): Promise<RawClient> => join(id, qos, { sessionExpiryInterval, receiveMaximum });

  async function join(id: string, qos: 0 | 1 | 2, properties: object): Promise<RawClient> {
    const client = await connected(rig, 5, { clientId: id, cleanStart: false, properties });
    client.send(subscribePacket('$share/g/jobs/+', qos));
    await client.next();
    return client;
  }

  async function leave(client: RawClient, id: string): Promise<void> {
    client.socket.destroy();
    while (rig.broker.get(id) !== undefined) await new Promise((resolve) => setImmediate(resolve));
  }

  test('with QoS 1 goes to another when its session ends, in order; what it acknowledged does not', async () => {
    rig = await startRig();
    const one = await member('one', 1);
    publish(1, 2, 3);
    const [first] = await take(one, 3);
    if (first !== 'end' && first?.kind === 'publish') one.send(ack('puback', first.packetId ?? 0, 0x80)); // MQTT5-4.8.2-6
    await expectQuiet(one);
    const two = await member('two', 1);
    await leave(one, 'one');
    const given = await take(two, 2);
    expect(payloads(given)).toEqual([2, 3]);
    expect(given).toMatchObject([{ dup: false }, { dup: false }]);
    await expectQuiet(two);
    expect(rig.broker.metrics()).toMatchObject({ messagesHandedOn: 2, messagesDropped: 0 });
  });

  test('with QoS 2 stays where it was sent, and goes to another if it never was (MQTT5-4.8.2-4, -5)', async () => {
    rig = await startRig();
    const one = await member('one', 2, 0, 1);
    for (const number of [1, 2]) rig.broker.publish('jobs/x', Buffer.from(String(number)), { qos: 1 });
    const publisher = await connected(rig, 5, { clientId: 'p' });
    for (const packetId of [3, 4])
      publisher.send(
        publishPacket({ topic: 'jobs/x', payload: Buffer.from(String(packetId)), qos: 2, packetId }),
      );
    expect(await take(publisher, 2)).toMatchObject([{ kind: 'pubrec' }, { kind: 'pubrec' }]);
    for (const number of [1, 2]) {
      const message = await one.next();
      expect(payloads([message])).toEqual([number]);
      if (message !== 'end' && message.kind === 'publish') one.send(ack('puback', message.packetId ?? 0));
    }
    expect(payloads(await take(one, 1))).toEqual([3]);
    const two = await member('two', 2);
    await leave(one, 'one');
    expect(payloads(await take(two, 1))).toEqual([4]);
    await expectQuiet(two);
  });

  test('waits for a member whose session outlives its connection, until that ends', async () => {
    rig = await startRig();
    const one = await member('one', 1, 60);
    publish(1);
    await take(one, 1);
    const two = await member('two', 1);
    await leave(one, 'one');
    await expectQuiet(two);
    const again = await connected(rig, 5, {
      clientId: 'one',
      cleanStart: false,
      properties: { sessionExpiryInterval: 60 },
    });
    expect(await again.next()).toMatchObject({ kind: 'publish', dup: true });
    await leave(again, 'one');
    rig.advance(61_000);
    expect(payloads(await take(two, 1))).toEqual([1]);
  });

  test('is dropped and counted when no other member has room, and cuts nobody', async () => {
    rig = await startRig();
    const one = await member('one', 1);
    publish(1, 2, 3, 4, 5);
    await take(one, 5);
    const two = await member('two', 1, 0, 2);
    await leave(one, 'one');
    expect(payloads(await take(two, 2))).toEqual([1, 2]);
    await expectQuiet(two);
    expect(rig.broker.metrics()).toMatchObject({
      messagesHandedOn: 2,
      messagesDropped: 3,
      slowConsumersCut: 0,
    });
  });

  test('survives a restart with its share name: Receive is asked with it, and others get it in the end', async () => {
    const store = new HeldStore();
    rig = await startRig({ store });
    const one = await member('one', 1, 60);
    await leave(one, 'one');
    publish(1, 2);
    while (rig.broker.metrics().uncommittedBytes > 0) await new Promise((resolve) => setImmediate(resolve));
    const before = rig;
    store.fail(new Error('crashed'));
    const onlyShared: Access = { ...allowAll, mayReceive: (_, shareName) => shareName === 'g' };
    rig = await startRig({ store: new HeldStore(store.contents), nowMs: 1_010_000, access: onlyShared });
    await before.stop();
    const again = await connected(rig, 5, {
      clientId: 'one',
      cleanStart: false,
      properties: { sessionExpiryInterval: 60, receiveMaximum: 1 },
    });
    expect(payloads(await take(again, 1))).toEqual([1]);
    const two = await member('two', 1);
    await leave(again, 'one');
    rig.advance(61_000);
    expect(payloads(await take(two, 2))).toEqual([1, 2]);
  });
});

test('No Local on a shared subscription is a protocol error (MQTT5-3.8.3-4)', async () => {
  rig = await startRig();
  const client = await connected(rig, 5);
  const request = {
    filter: '$share/g/a',
    qos: 0,
    noLocal: true,
    retainAsPublished: false,
    retainHandling: 0,
  } as const;
  client.send({ kind: 'subscribe', packetId: 1, subscriptions: [request], properties: {} });
  expect(await client.next()).toMatchObject({ kind: 'disconnect', reasonCode: 0x82 });
});

describe('overlapping subscriptions in MQTT 5', () => {
  const request = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 2 } as const;
  async function subscribe(client: RawClient, options: object, identifier: number): Promise<void> {
    const subscriptions = [{ filter: '#', ...request, ...options }];
    client.send({
      kind: 'subscribe',
      packetId: 1,
      subscriptions,
      properties: { subscriptionIdentifiers: [identifier] },
    });
    await client.next();
  }

  test('get one copy with the highest QoS and all identifiers, a shared one its own', async () => {
    rig = await startRig();
    const client = await connected(rig, 5);
    await subscribe(client, { filter: 'jobs/x' }, 1);
    await subscribe(client, { filter: 'jobs/+', qos: 1, retainAsPublished: true }, 2);
    await subscribe(client, { filter: '$share/g/jobs/x' }, 3);
    const publisher = await connected(rig, 5, { clientId: 'p' });
    publisher.send(publishPacket({ topic: 'jobs/x', qos: 1, packetId: 1, retain: true }));
    expect(await client.next()).toMatchObject({
      qos: 1,
      retain: true,
      properties: { subscriptionIdentifiers: [1, 2] },
    });
    expect(await client.next()).toMatchObject({
      qos: 0,
      retain: false,
      properties: { subscriptionIdentifiers: [3] },
    });
    await expectQuiet(client);
  });

  test('of which some are no-local bring own messages through the others only', async () => {
    rig = await startRig();
    const client = await connected(rig, 5);
    await subscribe(client, { filter: 'jobs/x', qos: 1, noLocal: true }, 1);
    await subscribe(client, { filter: 'jobs/+' }, 2);
    await subscribe(client, { filter: 'jobs/#' }, 3);
    client.send(publishPacket({ topic: 'jobs/x', qos: 1, packetId: 1 }));
    const own = await client.next();
    expect(own).toMatchObject({ kind: 'publish', qos: 0, properties: { subscriptionIdentifiers: [3, 2] } });
    expect(await client.next()).toMatchObject({ kind: 'puback' });
    rig.broker.publish('jobs/x', Buffer.from('1'), { qos: 1 });
    expect(await client.next()).toMatchObject({
      qos: 1,
      properties: { subscriptionIdentifiers: expect.arrayContaining([1, 2, 3]) },
    });
    await expectQuiet(client);
  });
});
