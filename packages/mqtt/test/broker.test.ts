import { afterEach, describe, expect, test } from 'vitest';
import { type ConnectVerdict, type Packet, REASON } from '../src/index.ts';
import {
  allowAll,
  connected,
  connectPacket,
  publishPacket,
  RawClient,
  type Rig,
  startRig,
  subscribed,
  subscribePacket,
} from './broker-rig.ts';
import { hex } from './bytes.ts';

let rig: Rig;
afterEach(() => rig.stop());

const end = 'end';
const disconnect = (reasonCode: number) => expect.objectContaining({ kind: 'disconnect', reasonCode });
const puback = (packetId: number, reasonCode = 0) =>
  expect.objectContaining({ kind: 'puback', packetId, reasonCode });
const message = (topic: string) => expect.objectContaining({ kind: 'publish', topic });

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe('CONNECT', () => {
  test('tells MQTT 5 clients what is not offered, and who they are', async () => {
    rig = await startRig({ limits: { sessionExpirySecondsMax: 5 } });
    const client = new RawClient(rig.port, 5);
    client.send(
      connectPacket(5, { clientId: '', keepAliveSeconds: 0, properties: { sessionExpiryInterval: 9 } }),
    );
    expect(await client.next()).toMatchObject({
      kind: 'connack',
      reasonCode: 0,
      sessionPresent: false,
      properties: {
        sessionExpiryInterval: 5,
        serverKeepAlive: 1200,
        assignedClientIdentifier: expect.stringMatching(/^auto-[0-9a-f]{24}$/),
      },
    });
  });

  const connack = (reasonCode: number) => expect.objectContaining({ kind: 'connack', reasonCode });
  test.each([
    [
      'an empty client id for a kept session',
      4,
      connectPacket(4, { clientId: '', cleanStart: false }),
      connack(2),
    ],
    ['a client id that begins with $', 5, connectPacket(5, { clientId: '$x' }), connack(0x85)],
    [
      'an enhanced authentication',
      5,
      connectPacket(5, { properties: { authenticationMethod: 'x' } }),
      connack(0x8c),
    ],
  ] as const)('refuses %s on level %i', async (_name, version, packet, answer) => {
    rig = await startRig();
    const client = new RawClient(rig.port, version);
    client.send(packet as Packet);
    expect(await client.next()).toEqual(answer);
    if (answer !== end) expect(await client.next()).toBe(end);
    expect(rig.events).toEqual([]);
  });

  test('answers a protocol level it does not know with return code 1', async () => {
    rig = await startRig();
    const client = new RawClient(rig.port, 4);
    client.socket.write(hex('10 0e 00 06 4d 51 49 73 64 70 03 02 00 3c 00 00'));
    expect(await client.next()).toEqual(connack(1));
  });

  test('closes when the first packet is anything else, or a second CONNECT comes', async () => {
    rig = await startRig();
    const first = new RawClient(rig.port, 4);
    first.send({ kind: 'pingreq' });
    expect(await first.next()).toBe(end);
    const second = await connected(rig, 5);
    second.send(connectPacket(5));
    expect(await second.next()).toEqual(disconnect(0x82));
  });

  test('is refused when the owner says so, throws or rejects', async () => {
    const verdicts = [
      () => ({ kind: 'refuse', reasonCode: REASON.notAuthorized, why: 'no policy' }) as const,
      () => Promise.reject(new Error('store down')),
      () => {
        throw new Error('broken');
      },
    ];
    rig = await startRig({
      hooks: { connect: () => verdicts.shift()?.() ?? { kind: 'accept', access: allowAll } },
    });
    for (const [version, code] of [
      [5, 0x87],
      [4, 3],
      [5, 0x80],
    ] as const) {
      const client = new RawClient(rig.port, version);
      client.send(connectPacket(version));
      expect(await client.next()).toEqual(connack(code));
      expect(await client.next()).toBe(end);
    }
    expect(rig.broker.metrics().connectsRefused).toBe(3);
  });

  test('holds what a client sends while its CONNECT is being decided', async () => {
    let decide: () => void = () => {};
    const decided = new Promise<void>((resolve) => {
      decide = resolve;
    });
    rig = await startRig({
      hooks: { connect: () => decided.then(() => ({ kind: 'accept', access: allowAll })) },
    });
    const client = new RawClient(rig.port, 4);
    client.send(connectPacket(4), subscribePacket('a/#'), publishPacket({ qos: 1, packetId: 3 }));
    await until(() => rig.broker.metrics().bytesReceived > 0);
    expect(rig.broker.get('device-1')).toBeUndefined();
    decide();
    const answers = [await client.next(), await client.next(), await client.next(), await client.next()];
    expect(answers).toEqual([
      connack(0),
      expect.objectContaining({ kind: 'suback' }),
      message('a/b'),
      puback(3),
    ]);
  });

  test('with a client id in use ends the older connection, with reason 142 in MQTT 5', async () => {
    rig = await startRig();
    const older = await connected(rig, 5);
    await connected(rig, 4);
    expect(await older.next()).toEqual(disconnect(142));
    expect(await older.next()).toBe(end);
    expect(rig.events).toEqual(['connected device-1', 'DUPLICATE_CLIENTID device-1', 'connected device-1']);
  });

  test('must come within its time', async () => {
    rig = await startRig();
    const client = new RawClient(rig.port, 4);
    client.socket.write(hex('10'));
    await until(() => rig.broker.metrics().connections === 1);
    rig.advance(10_000);
    expect(await client.next()).toBe(end);
    expect(rig.events).toEqual(['limited connectTimeoutMs']);
  });

  test('beyond the number of connections allowed is cut', async () => {
    rig = await startRig({ limits: { connectionsMax: 1 } });
    await connected(rig, 4);
    expect(await new RawClient(rig.port, 4).next()).toBe(end);
    expect(rig.events).toContain('limited connectionsMax');
  });
});

describe('messages', () => {
  test.each([
    [4, 4, 0],
    [4, 5, 1],
    [5, 4, 1],
    [5, 5, 0],
    [5, 5, 1],
  ] as const)('go from level %i to level %i with QoS %i', async (from, to, qos) => {
    rig = await startRig();
    const subscriber = await subscribed(rig, to, { id: 'sub', filter: 'a/+', qos });
    const publisher = await connected(rig, from, { clientId: 'pub' });
    const properties = from === 5 ? { contentType: 'text/plain', userProperties: [['k', 'v']] as const } : {};
    publisher.send(publishPacket(qos === 0 ? { properties } : { qos, packetId: 9, properties }));
    if (qos === 1) expect(await publisher.next()).toEqual(puback(9));
    expect(await subscriber.next()).toEqual({
      ...publishPacket({ qos }),
      properties: to === 5 ? properties : {},
      ...(qos === 1 ? { packetId: 1 } : {}),
    });
  });

  test('reach a client once when its filters overlap, with the highest QoS and all identifiers', async () => {
    rig = await startRig();
    const client = await connected(rig, 5);
    for (const [filter, qos, id] of [
      ['a/#', 0, 1],
      ['a/b', 1, 2],
    ] as const) {
      client.send({
        ...(subscribePacket(filter, qos) as Packet & { kind: 'subscribe' }),
        properties: { subscriptionIdentifiers: [id] },
      });
      await client.next();
    }
    client.send(publishPacket({ qos: 1, packetId: 1 }), { kind: 'pingreq' });
    expect(await client.next()).toMatchObject({
      kind: 'publish',
      qos: 1,
      properties: {
        subscriptionIdentifiers: expect.toSatisfy((ids: number[]) => ids.toSorted().join() === '1,2'),
      },
    });
    expect(await client.next()).toEqual(puback(1));
    expect(await client.next()).toEqual({ kind: 'pingresp' });
  });

  test('do not come back to a publisher that asked for no-local', async () => {
    rig = await startRig();
    const client = await connected(rig, 5);
    const subscriptions = [
      { filter: '#', qos: 0, noLocal: true, retainAsPublished: false, retainHandling: 0 },
    ] as const;
    client.send({ kind: 'subscribe', packetId: 1, subscriptions, properties: {} });
    await client.next();
    client.send(publishPacket(), { kind: 'pingreq' });
    expect(await client.next()).toEqual({ kind: 'pingresp' });
  });

  test('may name their topic by an alias, within the limit', async () => {
    rig = await startRig();
    const client = await subscribed(rig, 5, { id: 'x', filter: '#' });
    client.send(
      publishPacket({ properties: { topicAlias: 1 } }),
      publishPacket({ topic: '', properties: { topicAlias: 1 } }),
    );
    expect([await client.next(), await client.next()]).toEqual([message('a/b'), message('a/b')]);
    client.send(publishPacket({ topic: '', properties: { topicAlias: 17 } }));
    expect(await client.next()).toEqual(disconnect(0x94));
  });

  test('may not name their topic by an alias that was never set: a protocol error', async () => {
    rig = await startRig();
    const client = await connected(rig, 5);
    client.send(publishPacket({ topic: '', properties: { topicAlias: 1 } }));
    expect(await client.next()).toEqual(disconnect(0x82));
  });

  test('of devices, wills included, and of the platform are told to `published`; those refused or dealt with are not', async () => {
    const told: string[] = [];
    rig = await startRig({
      access: { ...allowAll, mayPublish: (topic) => topic !== 'secret' },
      hooks: {
        reserved: () => true,
        published: (connection, { topic, payload, qos }) =>
          void told.push(`${connection?.clientId} ${topic} ${Buffer.from(payload)} ${qos}`),
      },
    });
    const will = { topic: 'w', payload: Buffer.from('gone'), qos: 1, retain: false, properties: {} } as const;
    const client = await connected(rig, 5, { will });
    for (const [index, topic] of ['secret', '$x', 'a/b'].entries())
      client.send(publishPacket({ topic, qos: 1, packetId: index + 1 }));
    for (let count = 0; count < 3; count++) await client.next();
    rig.broker.publish('own', Buffer.from('x'), { qos: 0 });
    client.socket.destroy();
    await until(() => rig.broker.get('device-1') === undefined);
    expect(told).toEqual(['device-1 a/b hello 1', 'undefined own x 0', 'device-1 w gone 1']);
  });

  test('of the platform itself reach those who may receive them', async () => {
    rig = await startRig();
    const client = await subscribed(rig, 4, { id: 'x', filter: 'commands/x', qos: 1 });
    expect(rig.broker.publish('commands/x', Buffer.from('go'), { qos: 1 })).toBe(1);
    expect(await client.next()).toEqual(message('commands/x'));
  });

  test('of the platform itself are awaited where somebody is subscribed, away or in a share too', async () => {
    rig = await startRig();
    const isAwaited = () => ['a/b', 'a/b/c', 'b'].map((topic) => rig.broker.isAwaited(topic));
    expect(isAwaited()).toEqual([false, false, false]);
    const member = await subscribed(rig, 5, { id: 'member', filter: '$share/g/b', qos: 1 });
    expect(isAwaited()).toEqual([false, false, true]);
    const away = await connected(rig, 4, { clientId: 'away', cleanStart: false });
    away.send(subscribePacket('a/+', 1));
    await away.next();
    for (const { socket } of [member, away]) socket.destroy();
    await until(() => rig.broker.metrics().connections === 0);
    expect(isAwaited()).toEqual([true, false, false]);
  });

  test('of the platform itself are always awaited where other brokers are told', async () => {
    rig = await startRig({ hooks: { published: () => undefined } });
    expect(rig.broker.isAwaited('nobody/here')).toBe(true);
  });

  test.each([['a subscription identifier', { properties: { subscriptionIdentifiers: [1] } }, 0x82]] as const)(
    'with %s end the connection',
    async (_name, overrides, reasonCode) => {
      rig = await startRig();
      const five = await connected(rig, 5, { clientId: 'five' });
      five.send(publishPacket(overrides));
      expect(await five.next()).toEqual(disconnect(reasonCode));
      expect(await five.next()).toBe(end);
      if (reasonCode === 0x82) return;
      const four = await connected(rig, 4, { clientId: 'four' });
      four.send(publishPacket(overrides));
      expect(await four.next()).toBe(end);
    },
  );

  test('with QoS 1 wait for room in the receive maximum of the client, in order', async () => {
    rig = await startRig();
    const client = await connected(rig, 5, { properties: { receiveMaximum: 2 } });
    client.send(subscribePacket('t', 1));
    await client.next();
    for (const text of ['1', '2', '3', '4']) rig.broker.publish('t', Buffer.from(text), { qos: 1 });
    client.send({ kind: 'pingreq' });
    const before = [await client.next(), await client.next(), await client.next()];
    expect(before.map((packet) => packet !== end && packet.kind)).toEqual(['publish', 'publish', 'pingresp']);
    client.send({ kind: 'puback', packetId: 1, reasonCode: 0, properties: {} });
    expect(await client.next()).toMatchObject({ kind: 'publish', payload: Buffer.from('3'), packetId: 3 });
  });
});

describe('policy', () => {
  const access = {
    ...allowAll,
    mayPublish: (topic: string) => topic !== 'no',
    maySubscribe: (filter: string) => filter !== 'no',
  };

  test('refuses a message: 3.1.1 is closed without PUBACK, MQTT 5 gets 135', async () => {
    rig = await startRig({ access });
    const four = await connected(rig, 4, { clientId: 'four' });
    four.send(publishPacket({ topic: 'no', qos: 1, packetId: 1 }));
    expect(await four.next()).toBe(end);
    const five = await connected(rig, 5, { clientId: 'five' });
    five.send(publishPacket({ topic: 'no', qos: 1, packetId: 1 }));
    expect(await five.next()).toEqual(puback(1, 135));
    five.send(publishPacket({ topic: 'no' }));
    expect(await five.next()).toEqual(disconnect(135));
    expect(rig.events).toContain('AUTH_ERROR four');
    expect(rig.broker.metrics().publishesDenied).toBe(3);
  });

  test.each([
    [4, 0x80],
    [5, 135],
  ] as const)('refuses a subscription on level %i with its own code', async (version, denied) => {
    rig = await startRig({ access });
    const client = await connected(rig, version);
    client.send(subscribePacket('no'), subscribePacket('yes', 2));
    for (const code of [denied, 2])
      expect(await client.next()).toMatchObject({ kind: 'suback', reasonCodes: [code] });
  });

  test('withholds and counts what may not be received; a replaced policy rules the next packet', async () => {
    rig = await startRig({ access: { ...allowAll, mayReceive: () => false } });
    const client = await subscribed(rig, 4, { id: 'x', filter: 't' });
    expect(rig.broker.publish('t', Buffer.from('1'), { qos: 0 })).toBe(0);
    expect(rig.broker.metrics().messagesWithheld).toBe(1);
    rig.broker.get('x')?.replaceAccess(allowAll);
    expect(rig.broker.publish('t', Buffer.from('2'), { qos: 0 })).toBe(1);
    expect(await client.next()).toMatchObject({ payload: Buffer.from('2') });
  });

  test('that throws is a denial', async () => {
    const broken = (): boolean => {
      throw new Error('broken');
    };
    rig = await startRig({ access: { mayPublish: broken, maySubscribe: broken, mayReceive: broken } });
    const client = await connected(rig, 5);
    client.send(subscribePacket('t'), publishPacket());
    expect(await client.next()).toMatchObject({ reasonCodes: [128] });
    expect(await client.next()).toEqual(disconnect(135));
  });
});

describe('the end of a connection', () => {
  const will = {
    topic: 'will',
    payload: Buffer.from('gone'),
    qos: 1,
    retain: false,
    properties: {},
  } as const;
  const goodbye: Packet = { kind: 'disconnect', reasonCode: 0, properties: {} };

  test('without DISCONNECT publishes the will; a normal one discards it; reason 4 sends it', async () => {
    rig = await startRig();
    const watcher = await subscribed(rig, 4, { id: 'watcher', filter: 'will', qos: 1 });
    const polite = await connected(rig, 4, { clientId: 'polite', will });
    polite.send(goodbye);
    expect(await polite.next()).toBe(end);
    const lost = await connected(rig, 4, { clientId: 'lost', will });
    lost.socket.destroy();
    expect(await watcher.next()).toEqual(message('will'));
    const asking = await connected(rig, 5, { clientId: 'asking', will });
    asking.send({ ...goodbye, reasonCode: 4 });
    expect(await watcher.next()).toEqual(message('will'));
    expect(rig.broker.metrics().willsPublished).toBe(2);
    expect(rig.events).toContain('CONNECTION_LOST lost');
  });

  test('does not publish a will that the policy no longer allows, or that is suppressed', async () => {
    rig = await startRig();
    const first = await connected(rig, 4, { will });
    rig.broker.get('device-1')?.replaceAccess({ ...allowAll, mayPublish: () => false });
    rig.broker.get('device-1')?.disconnect(REASON.administrativeAction);
    expect(await first.next()).toBe(end);
    const second = await connected(rig, 4, { will });
    rig.broker.get('device-1')?.disconnect(REASON.administrativeAction, { sendWill: false });
    expect(await second.next()).toBe(end);
    expect(rig.broker.metrics()).toMatchObject({ willsPublished: 0, willsDenied: 1 });
  });

  test('by the platform says why and forgets the subscriptions at once', async () => {
    rig = await startRig();
    const client = await subscribed(rig, 5, { id: 'x', filter: 't' });
    rig.broker.get('x')?.disconnect(REASON.administrativeAction);
    expect(rig.broker.get('x')).toBeUndefined();
    expect(rig.broker.publish('t', Buffer.from('1'), { qos: 0 })).toBe(0);
    expect(rig.broker.metrics().subscriptions).toBe(0);
    expect(await client.next()).toEqual(disconnect(REASON.administrativeAction));
    expect(await client.next()).toBe(end);
  });

  test('comes one and a half keep-alives after the last whole packet, drips of bytes or not', async () => {
    rig = await startRig();
    const client = await connected(rig, 5, { keepAliveSeconds: 10 });
    rig.advance(14_000);
    client.send({ kind: 'pingreq' });
    expect(await client.next()).toEqual({ kind: 'pingresp' });
    rig.advance(14_000);
    expect(rig.broker.get('device-1')?.isOpen).toBe(true);
    const read = rig.broker.metrics().bytesReceived;
    client.socket.write(hex('30'));
    await until(() => rig.broker.metrics().bytesReceived > read);
    rig.advance(1_500);
    expect(await client.next()).toEqual(disconnect(REASON.keepAliveTimeout));
    expect(rig.events).toContain('MQTT_KEEP_ALIVE_TIMEOUT device-1');
  });
});

describe('limits', () => {
  test('refuse a 256 MB length header with reason 0x95, and serve the others', async () => {
    rig = await startRig();
    const other = await connected(rig, 4, { clientId: 'other' });
    const client = await connected(rig, 5);
    client.socket.write(hex('30 ff ff ff 7f'));
    expect(await client.next()).toEqual(disconnect(0x95));
    other.send({ kind: 'pingreq' });
    expect(await other.next()).toEqual({ kind: 'pingresp' });
  });

  test('bound subscriptions and levels, each with its code and told once a packet', async () => {
    rig = await startRig({ limits: { subscriptionsMax: 2, topicLevelsMax: 3 } });
    const client = await connected(rig, 5);
    const request = (filter: string) =>
      ({ filter, qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }) as const;
    const subscriptions = ['a/b/c/d', 'a', 'b', 'c', 'e', 'f'].map(request);
    client.send({ kind: 'subscribe', packetId: 1, subscriptions, properties: {} });
    expect(await client.next()).toMatchObject({ reasonCodes: [0x8f, 0, 0, 0x97, 0x97, 0x97] });
    expect(rig.events.filter((event) => event.startsWith('limited'))).toEqual(['limited subscriptionsMax']);
    client.send(subscribePacket('d'), subscribePacket('a'));
    expect(await client.next()).toMatchObject({ reasonCodes: [0x97] });
    expect(await client.next()).toMatchObject({ reasonCodes: [0] });
    client.send(publishPacket({ topic: 'a/b/c/d' }));
    expect(await client.next()).toEqual(disconnect(REASON.topicNameInvalid));
  });

  const many = Array.from({ length: 65_000 }, () => 'x');
  const manySubscriptions = many.map(
    (filter) => ({ filter, qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }) as const,
  );
  test.each<[string, 4 | 5, Packet]>([
    ['SUBSCRIBE', 4, { kind: 'subscribe', packetId: 1, subscriptions: manySubscriptions, properties: {} }],
    ['SUBSCRIBE', 5, { kind: 'subscribe', packetId: 1, subscriptions: manySubscriptions, properties: {} }],
    ['UNSUBSCRIBE', 4, { kind: 'unsubscribe', packetId: 1, filters: many, properties: {} }],
    ['UNSUBSCRIBE', 5, { kind: 'unsubscribe', packetId: 1, filters: many, properties: {} }],
  ])(
    'end a connection at one %s with 65,000 filters on level %i, heard of once',
    async (_name, version, packet) => {
      let asked = 0;
      const access = { ...allowAll, maySubscribe: () => asked++ < 0 };
      rig = await startRig({ access });
      const client = await connected(rig, version);
      client.send(packet);
      expect(await client.next()).toEqual(version === 5 ? disconnect(REASON.quotaExceeded) : end);
      expect(rig.events.slice(1)).toEqual(['limited filtersPerSubscribeMax', 'THROTTLED device-1']);
      expect(asked).toBe(0);
    },
  );

  test('pause the reading of a client above its rate and lose nothing', async () => {
    rig = await startRig({ limits: { messagesPerSecondMax: 10 } });
    const client = await connected(rig, 4);
    const burst = Array.from({ length: 30 }, (_, index) => publishPacket({ qos: 1, packetId: index + 1 }));
    client.send(...burst);
    for (let index = 1; index <= 30; index++) expect(await client.next()).toEqual(puback(index));
    client.send({ kind: 'pingreq' });
    expect(rig.events).toContain('limited messagesPerSecondMax');
    await new Promise((resolve) => setImmediate(resolve));
    rig.advance(5_000);
    expect(await client.next()).toEqual({ kind: 'pingresp' });
  });

  test.each([
    ['to many subscriptions', 4, Buffer.from('x')],
    ['large, to one', 1, Buffer.alloc(3_500)],
  ])(
    'pause the reading of a client whose messages go to more than its rate: %s',
    async (_, subscribers, payload) => {
      rig = await startRig({ limits: { deliveriesPerSecondMax: 40 } });
      const readers = [];
      for (let index = 0; index < subscribers; index++)
        readers.push(await subscribed(rig, 5, { id: `s${index}`, filter: 't' }));
      const client = await connected(rig, 5);
      const burst = Array.from({ length: 11 }, () => publishPacket({ topic: 't', payload }));
      client.send(...burst, { kind: 'pingreq' });
      expect(await client.next()).toEqual({ kind: 'pingresp' }); // the chunk that passes it is read to its end
      expect(rig.events).toEqual(expect.arrayContaining(['limited deliveriesPerSecondMax']));
      client.send({ kind: 'pingreq' });
      await new Promise((resolve) => setImmediate(resolve));
      rig.advance(1_000);
      expect(await client.next()).toEqual({ kind: 'pingresp' });
      for (const reader of readers) for (const sent of burst) expect(await reader.next()).toMatchObject(sent);
    },
  );

  test.each(['puback', 'pubrec', 'pubrel', 'pubcomp'] as const)(
    'count a %s that answers nothing as any packet',
    async (kind) => {
      rig = await startRig({ limits: { messagesPerSecondMax: 10 } });
      const client = await connected(rig, 5);
      const flood = Array.from({ length: 30 }, () => ({ kind, packetId: 7, reasonCode: 0, properties: {} }));
      client.send(...flood, { kind: 'pingreq' });
      const told = async () => ((await client.next()) as Packet).kind;
      for (let kindOf = await told(); kindOf !== 'pingresp'; ) kindOf = await told();
      expect(rig.events).toContain('limited messagesPerSecondMax');
    },
  );

  test('never hold against a client that it acknowledges what it was sent', async () => {
    rig = await startRig({ limits: { messagesPerSecondMax: 10 } });
    const client = await subscribed(rig, 5, { id: 'reader', filter: 't', qos: 2 });
    for (let sent = 1; sent <= 30; sent++) {
      rig.broker.publish('t', Buffer.from('x'), { qos: sent % 2 === 0 ? 1 : 2 });
      const { packetId } = (await client.next()) as Extract<Packet, { kind: 'publish' }> & {
        packetId: number;
      };
      const answer = { packetId, reasonCode: 0, properties: {} } as const;
      client.send({ kind: sent % 2 === 0 ? 'puback' : 'pubrec', ...answer });
      if (sent % 2 === 0) continue;
      expect(await client.next()).toMatchObject({ kind: 'pubrel', packetId });
      client.send({ kind: 'pubcomp', ...answer });
    }
    client.send({ kind: 'pingreq' });
    expect(await client.next()).toEqual({ kind: 'pingresp' });
    expect(rig.events).not.toContain('limited messagesPerSecondMax');
  });

  test('drop QoS 0 for a subscriber that never reads, then cut it; others are served', async () => {
    rig = await startRig({ limits: { outgoingBytesMax: 200_000, stalledWriteMs: 5_000 } });
    const idle = await subscribed(rig, 4, { id: 'idle', filter: 't' });
    idle.socket.pause();
    const payload = Buffer.alloc(100_000);
    for (let sent = 0; sent < 2000 && rig.broker.metrics().messagesDropped === 0; sent++) {
      rig.broker.publish('t', payload, { qos: 0 });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(rig.events).toContain('limited outgoingBytesMax');
    const other = await subscribed(rig, 4, { id: 'other', filter: 'u' });
    rig.advance(5_000);
    rig.advance(30_000);
    expect(rig.events).toContain('THROTTLED idle');
    expect(rig.broker.publish('u', Buffer.from('x'), { qos: 0 })).toBe(1);
    expect(await other.next()).toEqual(message('u'));
  });

  test('leave a way out: a peer that never reads is cut at once when the platform says so', async () => {
    rig = await startRig({ limits: { outgoingBytesMax: 200_000 } });
    const idle = await subscribed(rig, 5, { id: 'idle', filter: 't' });
    idle.socket.pause();
    for (let sent = 0; sent < 2000 && rig.broker.metrics().messagesDropped === 0; sent++) {
      rig.broker.publish('t', Buffer.alloc(100_000), { qos: 0 });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(rig.broker.metrics()).toMatchObject({ connections: 1, messagesDropped: 1 });
    rig.broker.get('idle')?.disconnect(REASON.administrativeAction);
    await until(() => rig.broker.metrics().connections === 0);
    expect(rig.events.at(-1)).toBe('API_INITIATED_DISCONNECT idle');
  });

  test('cut a subscriber whose QoS 1 messages pile up, rather than lose them in silence', async () => {
    rig = await startRig({ limits: { inflightOutMax: 1, pendingMessagesMax: 2 } });
    const client = await subscribed(rig, 5, { id: 'x', filter: 't', qos: 1 });
    const counts = ['1', '2', '3', '4'].map((text) => rig.broker.publish('t', Buffer.from(text), { qos: 1 }));
    expect(counts).toEqual([1, 1, 1, 0]);
    expect(rig.events).toContain('THROTTLED x');
    expect(await client.next()).toMatchObject({ kind: 'publish', payload: Buffer.from('1') });
    expect(await client.next()).toEqual(disconnect(REASON.quotaExceeded));
  });

  test('give a packet its time to arrive, keep-alive or not', async () => {
    rig = await startRig({ limits: { packetTimeoutMs: 5_000 } });
    const half = await connected(rig, 4, { clientId: 'half', keepAliveSeconds: 0 });
    const steady = await connected(rig, 4, { clientId: 'steady', keepAliveSeconds: 0 });
    const idle = await connected(rig, 4, { clientId: 'idle', keepAliveSeconds: 0 });
    const before = rig.broker.metrics().bytesReceived;
    half.socket.write(hex('30 10 00 01'));
    steady.socket.write(hex('30 04 00 01'));
    await until(() => rig.broker.metrics().bytesReceived === before + 8);
    rig.advance(4_000);
    // A whole packet and the next begun in one piece: the time starts anew. Bytes of the same packet do not.
    steady.socket.write(hex('61 62 30 04'));
    half.socket.write(hex('61'));
    await until(() => rig.broker.metrics().bytesReceived === before + 13);
    rig.advance(1_250);
    expect(await half.next()).toBe(end);
    expect(rig.events.slice(3)).toEqual(['limited packetTimeoutMs', 'THROTTLED half']);
    steady.socket.write(hex('00 01 61 62'));
    await until(() => rig.broker.metrics().messagesReceived === 2);
    rig.advance(60_000);
    idle.send({ kind: 'pingreq' });
    expect(await idle.next()).toEqual({ kind: 'pingresp' });
  });

  test('do not count the time in which the broker does not read', async () => {
    rig = await startRig({ limits: { packetTimeoutMs: 1_000, messagesPerSecondMax: 1 } });
    const client = await connected(rig, 4, { keepAliveSeconds: 0 });
    const before = rig.broker.metrics().bytesReceived;
    client.socket.write(hex('c0 00 c0 00 c0 00 c0 00 c0 00 c0 00 c0 00 c0'));
    await until(() => rig.broker.metrics().bytesReceived === before + 15);
    client.socket.write(hex('00'));
    for (let step = 0; step < 28; step++) rig.advance(250);
    await until(() => rig.broker.metrics().bytesReceived === before + 16);
    for (let count = 0; count < 8; count++) expect(await client.next()).toEqual({ kind: 'pingresp' });
  });

  test('never send a client more than its maximum packet size', async () => {
    rig = await startRig();
    const client = await connected(rig, 5, { properties: { maximumPacketSize: 100 } });
    client.send(subscribePacket('t'));
    await client.next();
    rig.broker.publish('t', Buffer.alloc(200), { qos: 0 });
    rig.broker.publish('t', Buffer.alloc(20), { qos: 0 });
    expect(await client.next()).toMatchObject({ payload: Buffer.alloc(20) });
    expect(rig.broker.metrics().messagesTooLarge).toBe(1);
  });

  test('end a client that cannot take the answer it asks for', async () => {
    rig = await startRig({ hooks: { connect: () => verdict } });
    let verdict: ConnectVerdict = { kind: 'accept', access: allowAll };
    const incumbent = await connected(rig, 5, { properties: { maximumPacketSize: 60 } });
    const subscriptions = manySubscriptions.slice(0, 60);
    incumbent.send({ kind: 'subscribe', packetId: 1, subscriptions, properties: {} });
    expect(await incumbent.next()).toEqual(disconnect(REASON.packetTooLarge));
    for (const maximumPacketSize of [1, 10]) {
      const client = new RawClient(rig.port, 5);
      client.send(connectPacket(5, { properties: { maximumPacketSize } }));
      expect(await client.next()).toBe(end);
    }
    expect(rig.events).toEqual(['connected device-1', 'CLIENT_ERROR device-1']);
    verdict = { kind: 'refuse', reasonCode: REASON.banned, why: 'a reason that is too long for it' };
    const refused = new RawClient(rig.port, 5);
    refused.send(connectPacket(5, { properties: { maximumPacketSize: 10 } }));
    expect(await refused.next()).toMatchObject({
      kind: 'connack',
      reasonCode: REASON.banned,
      properties: {},
    });
  });

  test('that make no sense are refused', async () => {
    rig = await startRig();
    await expect(startRig({ limits: { packetBytesMax: 0 } })).rejects.toMatchObject({
      code: 'mqtt.invalid_limit',
    });
    await expect(startRig({ limits: { inflightInMax: 70_000 } })).rejects.toMatchObject({
      code: 'mqtt.invalid_limit',
    });
  });
});
