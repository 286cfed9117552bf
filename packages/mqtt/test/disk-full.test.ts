import { afterEach, describe, expect, test } from 'vitest';
import { encodePacket, type Packet } from '../src/index.ts';
import {
  connectPacket,
  publishPacket,
  RawClient,
  type Rig,
  startRig,
  subscribePacket,
} from './broker-rig.ts';
import { HeldStore } from './held-store.ts';

let rig: Rig;
let store: HeldStore;
let told: string[];
afterEach(async () => {
  store.isFull = false;
  await rig.stop();
});

async function start(limits = {}): Promise<void> {
  store = new HeldStore();
  told = [];
  rig = await startRig({
    store,
    limits,
    hooks: {
      diskFull: (isFull) => void told.push(isFull ? 'full' : 'has room'),
      refusedByDisk: ({ clientId }) => void told.push(`refused ${clientId}`),
    },
  });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

async function keeper(
  version: 4 | 5,
  clientId: string,
  overrides: Partial<Packet & { kind: 'connect' }> = {},
) {
  const properties = version === 5 ? { sessionExpiryInterval: 100 } : {};
  const client = new RawClient(rig.port, version);
  client.send(connectPacket(version, { clientId, cleanStart: false, properties, ...overrides }));
  return { client, connack: await client.next() };
}

const accepted = { kind: 'connack', reasonCode: 0 };
const puback = (packetId: number, reasonCode = 0) => ({ kind: 'puback', packetId, reasonCode });

/** One that is away and is owed all of `t`, and a message that the full disk holds up. */
async function fillDisk(version: 4 | 5 = 5): Promise<RawClient> {
  const away = await keeper(5, 'away');
  away.client.send(subscribePacket('t', 1));
  await away.client.next();
  away.client.socket.destroy();
  const { client } = await keeper(version, 'publisher');
  await until(() => rig.broker.get('away') === undefined && rig.broker.metrics().uncommittedBytes === 0);
  store.isFull = true;
  client.send(publishPacket({ topic: 't', qos: 1, packetId: 1, payload: Buffer.from('held up') }));
  await until(() => rig.broker.metrics().diskFull === 1);
  return client;
}

describe('while the disk has no room', () => {
  test('messages that would have to be kept are refused, others go on; with room again all is as before', async () => {
    await start();
    const publisher = await fillDisk();
    publisher.send(
      publishPacket({ topic: 't', qos: 1, packetId: 2 }),
      publishPacket({ topic: 't', qos: 2, packetId: 3 }),
      publishPacket({ topic: 'nobody', qos: 2, packetId: 4 }), // its identifier would have to be kept
      publishPacket({ topic: 'nobody', qos: 1, packetId: 5, retain: true }),
      publishPacket({ topic: 'nobody', qos: 1, packetId: 6 }),
      publishPacket({ topic: 't', payload: Buffer.from('QoS 0') }),
      { kind: 'pingreq' },
    );
    expect(await publisher.next()).toEqual({ kind: 'pingresp' });
    const other = await keeper(5, 'other');
    const refused = { reasonCode: 0x97 };
    other.client.send(publishPacket({ topic: 't', qos: 2, packetId: 1 }));
    expect(await other.client.next()).toMatchObject({ kind: 'pubrec', ...refused }); // at once: nothing before it waits
    const old = await keeper(4, 'old', { cleanStart: true });
    expect(old.connack).toMatchObject(accepted);
    old.client.send(publishPacket({ topic: 't', qos: 1, packetId: 1 })); // MQTT-3.3.5-2
    expect(await old.client.next()).toBe('end');
    const late = await keeper(5, 'late');
    expect(late.connack).toMatchObject(accepted);
    late.client.send(subscribePacket('t', 1));
    expect(rig.broker.metrics()).toMatchObject({ publishesRefused: 6, storedMessages: 1, diskFull: 1 });
    store.isFull = false;
    for (const answer of [
      puback(1),
      puback(2, 0x97),
      { kind: 'pubrec', packetId: 3, reasonCode: 0x97 },
      { kind: 'pubrec', packetId: 4, reasonCode: 0x97 },
      puback(5, 0x97),
      puback(6),
    ])
      expect(await publisher.next()).toMatchObject(answer);
    expect(await late.client.next()).toMatchObject({ kind: 'suback', reasonCodes: [0x97] });
    expect(told.at(0)).toBe('full');
    expect(told.at(-1)).toBe('has room');
    expect(new Set(told)).toEqual(
      new Set(['full', 'refused publisher', 'refused other', 'refused old', 'refused late', 'has room']),
    );
    publisher.send(publishPacket({ topic: 't', qos: 1, packetId: 7, payload: Buffer.from('after') }));
    expect(await publisher.next()).toMatchObject(puback(7));
    const { client } = await keeper(5, 'away');
    for (const text of ['held up', 'after'])
      expect(await client.next()).toMatchObject({ payload: Buffer.from(text) });
    expect(rig.broker.metrics()).toMatchObject({ diskFull: 0, faults: 0 });
  });

  test('who would be kept is not let in once too much waits, who would not is', async () => {
    await start({ uncommittedBytesMax: 1_000 });
    await fillDisk();
    let refused = 0;
    for (let index = 0; index < 20; index++) {
      const { client, connack } = await keeper(index % 2 === 0 ? 4 : 5, `more-${index}`);
      if (connack !== 'end' && connack.kind === 'connack' && connack.reasonCode !== 0) refused++;
      client.socket.destroy();
    }
    expect(refused).toBeGreaterThan(5);
    expect(rig.broker.metrics().uncommittedBytes).toBeLessThan(2_500);
    const clean = { cleanStart: true, properties: {} };
    expect((await keeper(5, 'clean', clean)).connack).toMatchObject(accepted);
  });

  test.each([
    ['QoS 1 messages to nobody', publishPacket({ topic: 'nobody', qos: 1, packetId: 7 })],
    ['UNSUBSCRIBE', { kind: 'unsubscribe', packetId: 7, filters: ['never'], properties: {} }],
    ['SUBSCRIBE', subscribePacket('t', 1)],
  ] as const)('a client whose answers wait for it is read no further for %s', async (_, packet) => {
    const floodPackets = 20_000;
    await start({ messagesPerSecondMax: 1e9, inflightInMax: 50 });
    const publisher = await fillDisk(4);
    const before = rig.broker.metrics().bytesReceived;
    const flood = Array<Packet>(floodPackets).fill(packet);
    const floodBytes = encodePacket(packet, 4).length * floodPackets;
    publisher.send(...flood);
    const other = await keeper(5, 'other', { cleanStart: true });
    for (let round = 0; round < 100; round++) {
      other.client.send({ kind: 'pingreq' });
      expect(await other.client.next()).toEqual({ kind: 'pingresp' });
    }
    expect(rig.broker.metrics().bytesReceived - before).toBeLessThan(floodBytes / 2);
    store.isFull = false;
    expect(await publisher.next()).toMatchObject(puback(1));
    for (let count = 0; count < floodPackets; count++)
      expect(await publisher.next()).toMatchObject({ packetId: 7 });
  });

  test('the broker can be stopped: what waited was not acknowledged, and what was is there', async () => {
    await start();
    const publisher = await fillDisk();
    await rig.stop();
    for (let next = await publisher.next(); next !== 'end'; next = await publisher.next())
      expect(next.kind).toBe('disconnect');
    expect([...store.contents.messages.values()]).toEqual([]);
    await start();
  });
});
