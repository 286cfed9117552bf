import { afterEach, describe, expect, test } from 'vitest';
import type { BrokerLimits, Packet } from '../src/index.ts';
import {
  connected,
  publishPacket,
  type RawClient,
  type Rig,
  startRig,
  subscribed,
  subscribePacket,
} from './broker-rig.ts';

let rig: Rig;
afterEach(() => rig.stop());

type Publish = Packet & { kind: 'publish' };

/** A publisher whose message has been handled when this resolves. */
async function retain(client: RawClient, overrides: Partial<Publish> = {}): Promise<void> {
  client.send(publishPacket({ retain: true, ...overrides }), { kind: 'pingreq' });
  for (let packet = await client.next(); packet !== 'end' && packet.kind !== 'pingresp'; )
    packet = await client.next();
}

/** What comes after the SUBACK, until a PINGREQ sent once all is quiet is answered. */
async function subscribeFor(client: RawClient, packet: Packet, count: number): Promise<readonly Publish[]> {
  client.send(packet);
  expect(await client.next()).toMatchObject({ kind: 'suback' });
  const got: Publish[] = [];
  for (let index = 0; index < count; index++) {
    const next = await client.next();
    if (next === 'end' || next.kind !== 'publish')
      throw new TypeError(`not a message: ${JSON.stringify(next)}`);
    if (next.packetId !== undefined) client.send(pubackOf(next.packetId));
    got.push(next);
  }
  return [...got, ...(await unexpected(client))];
}

/** Messages that came without being waited for: the broker has had two turns of the event loop for each round trip. */
async function unexpected(client: RawClient): Promise<readonly Publish[]> {
  const got: Publish[] = [];
  for (let round = 0; round < 3; round++) {
    client.send({ kind: 'pingreq' });
    for (
      let next = await client.next();
      next !== 'end' && next.kind !== 'pingresp';
      next = await client.next()
    )
      if (next.kind === 'publish') got.push(next);
  }
  return got;
}

function pubackOf(packetId: number): Packet {
  return { kind: 'puback', packetId, reasonCode: 0, properties: {} };
}

function withOptions(filter: string, options: object): Packet {
  const request = { filter, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  return { kind: 'subscribe', packetId: 7, subscriptions: [{ ...request, ...options }], properties: {} };
}

const summary = (messages: readonly Publish[]) =>
  messages.map(
    ({ topic, payload, qos, retain: flag }) => `${topic} ${Buffer.from(payload)} q${qos} r${Number(flag)}`,
  );

describe.each([4, 5] as const)('on level %i a retained message', (version) => {
  test('waits for later subscribers, who get it with RETAIN (MQTT-3.3.1-6, -8)', async () => {
    rig = await startRig();
    const publisher = await connected(rig, version, { clientId: 'p' });
    const present = await subscribed(rig, version, { id: 'present', filter: 'a/#', qos: 1 });
    await retain(publisher);
    expect(summary(await unexpected(present))).toEqual(['a/b hello q0 r0']); // MQTT-3.3.1-9
    const later = await connected(rig, version, { clientId: 'later' });
    expect(summary(await subscribeFor(later, subscribePacket('a/+', 1), 1))).toEqual(['a/b hello q0 r1']);
    expect(rig.broker.metrics()).toMatchObject({ retainedMessages: 1 });
  });

  test('is replaced by the next one, and taken away by one without payload, which is routed (MQTT-3.3.1-10, -11)', async () => {
    rig = await startRig();
    const publisher = await connected(rig, version, { clientId: 'p' });
    await retain(publisher, { payload: Buffer.from('one') });
    await retain(publisher, { payload: Buffer.from('two') });
    await retain(publisher, { retain: false, payload: Buffer.from('passing') }); // MQTT-3.3.1-12
    const client = await connected(rig, version, { clientId: 'c' });
    expect(summary(await subscribeFor(client, subscribePacket('#'), 1))).toEqual(['a/b two q0 r1']);
    await retain(publisher, { payload: Buffer.alloc(0) });
    expect(summary(await unexpected(client))).toEqual(['a/b  q0 r0']);
    const other = await connected(rig, version, { clientId: 'o' });
    expect(await subscribeFor(other, subscribePacket('#'), 0)).toEqual([]);
    expect(rig.broker.metrics()).toMatchObject({ retainedMessages: 0, retainedBytes: 0 });
  });

  test('comes with the lower QoS of message and subscription', async () => {
    rig = await startRig();
    const publisher = await connected(rig, version, { clientId: 'p' });
    await retain(publisher, { topic: 'zero' });
    await retain(publisher, { topic: 'one', qos: 1, packetId: 3 });
    const client = await connected(rig, version, { clientId: 'c' });
    const atMostOnce = await subscribeFor(client, subscribePacket('+', 0), 2);
    expect(summary(atMostOnce).sort()).toEqual(['one hello q0 r1', 'zero hello q0 r1']);
    const atLeastOnce = await subscribeFor(client, subscribePacket('#', 1), 2);
    expect(summary(atLeastOnce).sort()).toEqual(['one hello q1 r1', 'zero hello q0 r1']);
  });

  test('is left by a will that asks for it', async () => {
    rig = await startRig();
    const will = { topic: 'gone', payload: Buffer.from('x'), qos: 1, retain: true, properties: {} } as const;
    const dying = await connected(rig, version, { clientId: 'd', will });
    dying.socket.destroy();
    while (rig.broker.metrics().willsPublished === 0) await new Promise((resolve) => setImmediate(resolve));
    const client = await connected(rig, version, { clientId: 'c' });
    expect(summary(await subscribeFor(client, subscribePacket('gone', 1), 1))).toEqual(['gone x q1 r1']);
  });

  test('to a `$` topic is hidden from leading wildcards (MQTT-4.7.2-1)', async () => {
    rig = await startRig();
    const publisher = await connected(rig, version, { clientId: 'p' });
    await retain(publisher, { topic: '$x/a' });
    const client = await connected(rig, version, { clientId: 'c' });
    expect(await subscribeFor(client, subscribePacket('#'), 0)).toEqual([]);
    expect(await subscribeFor(client, subscribePacket('+/a'), 0)).toEqual([]);
    expect(summary(await subscribeFor(client, subscribePacket('$x/#'), 1))).toEqual(['$x/a hello q0 r1']);
  });

  test('is withheld from whom the policy does not let receive it', async () => {
    const access = {
      mayPublish: () => true,
      maySubscribe: () => true,
      mayReceive: (topic: string) => topic !== 's/1',
    };
    rig = await startRig({ access });
    const publisher = await connected(rig, version, { clientId: 'p' });
    await retain(publisher, { topic: 's/1' });
    await retain(publisher, { topic: 's/2' });
    const client = await connected(rig, version, { clientId: 'c' });
    expect(summary(await subscribeFor(client, subscribePacket('s/#'), 1))).toEqual(['s/2 hello q0 r1']);
    expect(rig.broker.metrics()).toMatchObject({ messagesWithheld: 1 });
  });

  test('needs the right to leave it', async () => {
    const access = {
      mayPublish: (_: string, flag: boolean) => !flag,
      maySubscribe: () => true,
      mayReceive: () => true,
    };
    rig = await startRig({ access });
    const publisher = await connected(rig, version, { clientId: 'p' });
    await retain(publisher);
    expect(rig.broker.metrics()).toMatchObject({ retainedMessages: 0, publishesDenied: 1 });
  });

  test.each([
    ['in number', { retainedMessagesMax: 1 }, 'retainedMessagesMax'],
    ['in bytes', { retainedBytesMax: 220 }, 'retainedBytesMax'],
  ] as const)(
    'beyond the bound %s is refused, or with QoS 0 only routed; what is there stays',
    async (_, limits, name) => {
      rig = await startRig({ limits: limits as Partial<BrokerLimits> });
      const publisher = await connected(rig, version, { clientId: 'p' });
      const present = await subscribed(rig, version, { id: 's', filter: '#', qos: 1 });
      await retain(publisher, { topic: 'kept', payload: Buffer.from('1') });
      await retain(publisher, { topic: 'kept', payload: Buffer.from('2') });
      await retain(publisher, { topic: 'more', payload: Buffer.from('12') });
      publisher.send(
        publishPacket({ topic: 'most', payload: Buffer.from('12'), qos: 1, packetId: 5, retain: true }),
      );
      const answer = await publisher.next();
      expect(answer).toEqual(
        version === 5 ? expect.objectContaining({ kind: 'puback', reasonCode: 0x97 }) : 'end',
      );
      expect(summary(await unexpected(present))).toEqual(['kept 1 q0 r0', 'kept 2 q0 r0', 'more 12 q0 r0']);
      const later = await connected(rig, version, { clientId: 'c' });
      expect(summary(await subscribeFor(later, subscribePacket('#'), 1))).toEqual(['kept 2 q0 r1']);
      expect(rig.broker.metrics()).toMatchObject({ retainedMessages: 1, retainedRefused: 2 });
      expect(rig.events.filter((event) => event === `limited ${name}`)).toHaveLength(2);
    },
  );
});

test('a message with QoS 0 that has no room takes the place of none: the one before is gone too (MQTT-3.3.1-7)', async () => {
  rig = await startRig({ limits: { retainedBytesMax: 220 } });
  const publisher = await connected(rig, 4, { clientId: 'p' });
  await retain(publisher, { topic: 'a', payload: Buffer.from('1') });
  await retain(publisher, { topic: 'a', payload: Buffer.alloc(100) });
  const client = await connected(rig, 4, { clientId: 'c' });
  expect(await subscribeFor(client, subscribePacket('#'), 0)).toEqual([]);
  expect(rig.broker.metrics()).toMatchObject({ retainedMessages: 0, retainedBytes: 0, retainedRefused: 1 });
});

test('the levels of a topic count, once for all that share them, until nothing needs them', async () => {
  rig = await startRig({ limits: { retainedBytesMax: 7_000 } });
  const publisher = await connected(rig, 5, { clientId: 'p' });
  const deep = (first: string): string => `${first}${'/x'.repeat(31)}`;
  await retain(publisher, { topic: deep('a') });
  await retain(publisher, { topic: deep('b') }); // as many again
  await retain(publisher, { topic: `${deep('a')}x` }); // one more
  expect(rig.broker.metrics()).toMatchObject({ retainedMessages: 2, retainedRefused: 1 });
  await retain(publisher, { topic: deep('a'), payload: Buffer.alloc(0) });
  await retain(publisher, { topic: deep('b') });
  expect(rig.broker.metrics()).toMatchObject({ retainedMessages: 1, retainedRefused: 2 });
  await retain(publisher, { topic: `${deep('a')}x`, payload: Buffer.alloc(0) });
  expect(rig.broker.metrics()).toMatchObject({ retainedMessages: 0, retainedBytes: 0 });
  await retain(publisher, { topic: deep('b') });
  expect(rig.broker.metrics()).toMatchObject({ retainedMessages: 1, retainedRefused: 2 });
});

describe('in MQTT 5', () => {
  test('retain handling says whether a subscription is sent them (MQTT5-3.3.1-9 to -11)', async () => {
    rig = await startRig();
    await retain(await connected(rig, 5, { clientId: 'p' }));
    const client = await connected(rig, 5, { clientId: 'c' });
    const got = async (filter: string, retainHandling: number, count: number) =>
      (await subscribeFor(client, withOptions(filter, { retainHandling }), count)).length;
    expect(await got('a/b', 2, 0)).toBe(0);
    expect(await got('a/b', 1, 0)).toBe(0); // it existed
    expect(await got('a/+', 1, 1)).toBe(1);
    expect(await got('a/+', 0, 1)).toBe(1);
  });

  test('retain as published keeps the flag of what is routed (MQTT5-3.3.1-12, -13)', async () => {
    rig = await startRig();
    const publisher = await connected(rig, 5, { clientId: 'p' });
    const client = await connected(rig, 5, { clientId: 'c' });
    await subscribeFor(client, withOptions('#', { retainAsPublished: true }), 0);
    const plain = await connected(rig, 4, { clientId: 'o' });
    await subscribeFor(plain, subscribePacket('#', 1), 0);
    await retain(publisher, { qos: 1, packetId: 1 });
    await retain(publisher);
    await retain(publisher, { retain: false });
    const sent = ['a/b hello q1', 'a/b hello q0', 'a/b hello q0'];
    expect(summary(await unexpected(client))).toEqual([`${sent[0]} r1`, `${sent[1]} r1`, `${sent[2]} r0`]);
    expect(summary(await unexpected(plain))).toEqual(sent.map((each) => `${each} r0`));
  });

  test('its properties are kept, its age is told, and it ends with its time (MQTT5-3.3.2-5, -6)', async () => {
    rig = await startRig();
    const properties = {
      contentType: 't',
      messageExpiryInterval: 10,
      userProperties: [
        ['b', '1'],
        ['a', '2'],
      ],
    } as const;
    await retain(await connected(rig, 5, { clientId: 'p' }), { properties });
    const client = await connected(rig, 5, { clientId: 'c' });
    rig.advance(4_000);
    const [message] = await subscribeFor(client, subscribePacket('#'), 1);
    expect(message).toMatchObject({ retain: true, properties: { ...properties, messageExpiryInterval: 6 } });
    rig.advance(6_000);
    expect(await subscribeFor(client, subscribePacket('#'), 0)).toEqual([]);
    expect(rig.broker.metrics()).toMatchObject({ retainedMessages: 0, retainedBytes: 0, messagesExpired: 1 });
  });

  test('they carry the identifier of the subscription', async () => {
    rig = await startRig();
    await retain(await connected(rig, 5, { clientId: 'p' }));
    const client = await connected(rig, 5, { clientId: 'c' });
    const packet = { ...withOptions('#', {}), properties: { subscriptionIdentifiers: [9] } } as Packet;
    expect(await subscribeFor(client, packet, 1)).toMatchObject([
      { properties: { subscriptionIdentifiers: [9] } },
    ]);
  });
});

describe('many retained messages', () => {
  const TOPICS = 5_000;
  const payload = Buffer.alloc(1_000, 'x');

  /** Leaves them through QoS 1, which tells when the last one is there. */
  async function fill(): Promise<void> {
    const publisher = await connected(rig, 4, { clientId: 'p' });
    for (let index = 0; index < TOPICS; index++)
      publisher.send(publishPacket({ topic: `t/${index}`, payload, retain: true }));
    await retain(publisher, { topic: 'last' });
  }

  test('come no faster than they are read: none is dropped and the slow client is not cut', async () => {
    rig = await startRig({
      limits: {
        outgoingBytesMax: 65_536,
        messagesPerSecondMax: 2 * TOPICS,
        bytesPerSecondMax: 2 ** 24,
        retainedMessagesMax: TOPICS + 1,
      },
    });
    await fill();
    const slow = await connected(rig, 4, { clientId: 'slow' });
    slow.socket.pause();
    slow.send(subscribePacket('#'));
    const other = await connected(rig, 4, { clientId: 'other' });
    expect(await unexpected(other)).toEqual([]); // served meanwhile
    slow.socket.resume();
    expect(await slow.next()).toMatchObject({ kind: 'suback' });
    for (let count = 0; count <= TOPICS; count++)
      expect(await slow.next()).toMatchObject({ kind: 'publish', retain: true });
    expect(rig.broker.metrics()).toMatchObject({ messagesDropped: 0, slowConsumersCut: 0 });
  });

  test('with QoS 1 wait for the window, not in the queue', async () => {
    rig = await startRig({ limits: { inflightOutMax: 2, pendingMessagesMax: 1 } });
    const publisher = await connected(rig, 5, { clientId: 'p' });
    for (let index = 1; index <= 20; index++)
      await retain(publisher, { topic: `t/${index}`, qos: 1, packetId: index });
    const client = await connected(rig, 5, { clientId: 'c' });
    expect(await subscribeFor(client, subscribePacket('t/+', 1), 20)).toHaveLength(20);
    expect(rig.events.filter((event) => event.startsWith('limited'))).toEqual([]);
  });

  test('stop coming when they are unsubscribed', async () => {
    rig = await startRig({
      limits: { outgoingBytesMax: 65_536, messagesPerSecondMax: 2 * TOPICS, bytesPerSecondMax: 2 ** 24 },
    });
    await fill();
    const client = await connected(rig, 4, { clientId: 'c' });
    client.socket.pause();
    client.send(subscribePacket('#'), { kind: 'unsubscribe', packetId: 8, filters: ['#'], properties: {} });
    client.socket.resume();
    expect(await client.next()).toMatchObject({ kind: 'suback' });
    expect(await client.next()).toMatchObject({ kind: 'unsuback' });
    expect(await unexpected(client)).toEqual([]);
  });
});
