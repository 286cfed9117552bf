import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { OutboundAliases } from '../src/broker/outbound-aliases.ts';
import { encodePacket, type Packet, PacketReader } from '../src/index.ts';
import { anyPacket } from './arbitrary-packets.ts';
import {
  connected,
  connectPacket,
  publishPacket,
  RawClient,
  type Rig,
  startRig,
  subscribePacket,
} from './broker-rig.ts';

type Publish = Packet & { kind: 'publish' };

function decode(bytes: Buffer): Publish {
  const [packet] = new PacketReader({ packetBytesMax: 2 ** 20, version: 5 }).read(bytes);
  if (packet?.kind !== 'publish') throw new TypeError('not one PUBLISH');
  return packet;
}

test('aliases change nothing of any message but where its topic stands', () => {
  const publishes = anyPacket(5).filter((packet): packet is Publish => packet.kind === 'publish');
  fc.assert(
    fc.property(
      fc.array(publishes, { maxLength: 6 }),
      fc.integer({ min: 1, max: 3 }),
      (packets, aliasMax) => {
        const aliases = new OutboundAliases({ aliasMax, packetBytesMax: Number.POSITIVE_INFINITY });
        const topics = new Map<number, string>();
        for (const packet of [...packets, ...packets]) {
          const { topicAlias: _, ...properties } = packet.properties;
          if (packet.topic === '') continue;
          const {
            properties: sent,
            topic,
            ...rest
          } = decode(aliases.apply(encodePacket({ ...packet, properties }, 5)));
          const { topicAlias, ...passed } = sent;
          if (topicAlias !== undefined && topic !== '') topics.set(topicAlias, topic);
          expect(topicAlias ?? 1).toBeLessThanOrEqual(aliasMax);
          expect({
            ...rest,
            topic: topic === '' ? topics.get(topicAlias ?? 0) : topic,
            properties: passed,
          }).toEqual({ ...packet, properties });
        }
      },
    ),
    { numRuns: 500 },
  );
});

describe('a client that takes two aliases', () => {
  let rig: Rig;
  afterEach(() => rig.stop());
  const topic = (name: string) => `a/long/topic/${name}`;

  async function subscriber(properties: object = {}, cleanStart = true): Promise<RawClient> {
    const client = new RawClient(rig.port, 5);
    client.send(
      connectPacket(5, { clientId: 's', cleanStart, properties: { topicAliasMaximum: 2, ...properties } }),
    );
    expect(await client.next()).toMatchObject({ kind: 'connack', reasonCode: 0 });
    return client;
  }

  async function told(
    client: RawClient,
    count: number,
  ): Promise<readonly (readonly [string, number | undefined])[]> {
    const packets: (readonly [string, number | undefined])[] = [];
    for (let index = 0; index < count; index++) {
      const packet = await client.next();
      if (packet === 'end' || packet.kind !== 'publish') throw new TypeError('not a message');
      packets.push([packet.topic, packet.properties.topicAlias]);
    }
    return packets;
  }

  test('is told each long topic once, two of them, whatever the QoS (MQTT5-3.1.2-26)', async () => {
    rig = await startRig();
    const client = await subscriber();
    client.send(subscribePacket('#', 1));
    await client.next();
    const send = (name: string, qos: 0 | 1) => rig.broker.publish(name, Buffer.from('x'), { qos });
    for (const qos of [0, 1] as const) for (const name of ['1', '2', '3']) send(topic(name), qos);
    send('short', 0);
    expect(await told(client, 7)).toEqual([
      [topic('1'), 1],
      [topic('2'), 2],
      [topic('3'), undefined],
      ['', 1],
      ['', 2],
      [topic('3'), undefined],
      ['short', undefined],
    ]);
  });

  test('is told it anew on its next connection, with the time that is left (MQTT5-3.3.2-7)', async () => {
    rig = await startRig();
    const session = { sessionExpiryInterval: 60 };
    const client = await subscriber(session, false);
    client.send(subscribePacket('#', 1));
    await client.next();
    const publisher = await connected(rig, 5, { clientId: 'p' });
    const message = { topic: topic('1'), qos: 1, properties: { messageExpiryInterval: 100 } } as const;
    for (const packetId of [1, 2]) publisher.send(publishPacket({ ...message, packetId }));
    expect(await told(client, 2)).toEqual([
      [topic('1'), 1],
      ['', 1],
    ]);
    client.socket.destroy();
    while (rig.broker.get('s') !== undefined) await new Promise((resolve) => setImmediate(resolve));
    rig.advance(10_000);
    const again = await subscriber(session, false);
    expect(await again.next()).toMatchObject({
      topic: topic('1'),
      dup: true,
      properties: { topicAlias: 1, messageExpiryInterval: 90 },
    });
    expect(await again.next()).toMatchObject({
      topic: '',
      dup: true,
      properties: { topicAlias: 1, messageExpiryInterval: 90 },
    });
  });

  test('gets no alias in a packet that only fits without', async () => {
    rig = await startRig();
    const bytes = encodePacket(publishPacket({ topic: topic('1') }), 5).length;
    const client = await subscriber({ maximumPacketSize: bytes });
    client.send(subscribePacket('#'));
    await client.next();
    rig.broker.publish(topic('1'), Buffer.from('hello'), { qos: 0 });
    expect(await told(client, 1)).toEqual([[topic('1'), undefined]]);
  });
});
