import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BrokerLimits, Packet } from '../src/index.ts';
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

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** As after a kill -9. */
async function crash(limits: Partial<BrokerLimits> = {}, nowMs = 2_000_000): Promise<void> {
  const before = rig;
  store.fail(new Error('crashed'));
  store = new HeldStore(store.contents);
  rig = await startRig({ store, limits, nowMs });
  await before.stop();
}

const leave = (topic: string, overrides: Partial<Packet & { kind: 'publish' }> = {}): Packet =>
  publishPacket({ topic, payload: Buffer.from(topic), retain: true, ...overrides });

/** The messages after a SUBACK, as many as come before quiet. */
async function retainedFor(filter: string): Promise<readonly string[]> {
  const client = await connected(rig, 5, { clientId: 'reader' });
  client.send(subscribePacket(filter, 2));
  expect(await client.next()).toMatchObject({ kind: 'suback' });
  const found: string[] = [];
  for (let round = 0; round < 3; round++) {
    client.send({ kind: 'pingreq' });
    for (
      let next = await client.next();
      next !== 'end' && next.kind !== 'pingresp';
      next = await client.next()
    )
      if (next.kind === 'publish') found.push(`${next.topic} q${next.qos}`);
  }
  client.socket.destroy();
  return found.sort();
}

describe('a retained message', () => {
  test.each([
    [1, 'puback'],
    [2, 'pubrec'],
  ] as const)(
    'with QoS %i is acknowledged when it is durable, though nobody is subscribed',
    async (qos, kind) => {
      rig = await startRig({ store });
      const publisher = await connected(rig, 4, { clientId: 'p' });
      store.isOpen = false;
      publisher.send(leave('t', { qos, packetId: 1 }), { kind: 'pingreq' });
      expect(await publisher.next()).toEqual({ kind: 'pingresp' });
      await until(() => store.waiting === 1);
      await store.letThrough();
      expect(await publisher.next()).toMatchObject({ kind, packetId: 1 });
    },
  );

  test.each([
    [1, 'puback'],
    [2, 'pubrec'],
  ] as const)(
    'that is cleared again with QoS %i while its clearing is on its way to the disk is acknowledged after that',
    async (qos, kind) => {
      rig = await startRig({ store });
      const publisher = await connected(rig, 4, { clientId: 'p' });
      publisher.send(leave('t', { qos: 1, packetId: 1 }));
      expect(await publisher.next()).toMatchObject({ kind: 'puback' });
      store.isOpen = false;
      const clear = { payload: Buffer.alloc(0), qos };
      publisher.send(leave('t', { ...clear, qos: 0 }), leave('t', { ...clear, packetId: 2 }), {
        kind: 'pingreq',
      });
      expect(await publisher.next()).toEqual({ kind: 'pingresp' });
      await until(() => store.waiting === 1);
      await store.letThrough();
      expect(await publisher.next()).toMatchObject({ kind, packetId: 2 });
      publisher.send(leave('t', { ...clear, packetId: 3 }));
      expect(await publisher.next()).toMatchObject({ kind, packetId: 3 }); // at once: all is durable
    },
  );

  test('is there after a crash with its QoS; one replaced, taken away or expired is not', async () => {
    rig = await startRig({ store });
    const publisher = await connected(rig, 5, { clientId: 'p' });
    publisher.send(leave('kept', { qos: 1, packetId: 1 }), leave('old'), leave('taken'), leave('kept2'));
    publisher.send(leave('soon', { properties: { messageExpiryInterval: 5 } }));
    publisher.send(
      leave('old', { qos: 2, packetId: 2 }),
      leave('taken', { payload: Buffer.alloc(0), qos: 1, packetId: 3 }),
    );
    for (const kind of ['puback', 'pubrec', 'puback']) expect(await publisher.next()).toMatchObject({ kind });
    await crash();
    expect(rig.broker.metrics()).toMatchObject({ retainedMessages: 4 });
    expect(await retainedFor('#')).toEqual(['kept q1', 'kept2 q0', 'old q2']);
    rig.advance(1_000);
    expect(rig.broker.metrics()).toMatchObject({ retainedMessages: 3 });
    await until(() => rig.broker.metrics().uncommittedBytes === 0);
    await crash();
    expect(rig.broker.metrics()).toMatchObject({ retainedMessages: 3 });
  });

  test('is kept though a limit is lower in the next run, and may be replaced', async () => {
    rig = await startRig({ store });
    const publisher = await connected(rig, 4, { clientId: 'p' });
    publisher.send(leave('a'), leave('b'), leave('c', { qos: 1, packetId: 1 }));
    await publisher.next();
    await crash({ retainedMessagesMax: 1 });
    const again = await connected(rig, 5, { clientId: 'p' });
    again.send(leave('a', { qos: 1, packetId: 1 }), leave('d', { qos: 1, packetId: 2 }));
    expect(await again.next()).toMatchObject({ kind: 'puback', reasonCode: 0 });
    expect(await again.next()).toMatchObject({ kind: 'puback', reasonCode: 0x97 });
    expect(await retainedFor('#')).toEqual(['a q1', 'b q0', 'c q1']);
  });

  test('that its session has not been sent yet comes on the next connection', async () => {
    rig = await startRig({ limits: { inflightOutMax: 1 } });
    const publisher = await subscribed(rig, 4, { id: 'p', filter: 'none' });
    publisher.send(...['a', 'b', 'c'].map((topic, index) => leave(topic, { qos: 1, packetId: index + 1 })));
    for (let count = 0; count < 3; count++) await publisher.next();
    const first = await persistent();
    first.send(subscribePacket('#', 1));
    expect(await first.next()).toMatchObject({ kind: 'suback' });
    expect(await first.next()).toMatchObject({ topic: 'a' }); // and is not acknowledged
    first.socket.destroy();
    await until(() => rig.broker.get('s') === undefined);
    const second = await persistent();
    for (const topic of ['a', 'b', 'c']) {
      const message = await second.next();
      expect(message).toMatchObject({ topic, dup: topic === 'a' });
      if (message !== 'end' && message.kind === 'publish' && message.packetId !== undefined)
        second.send({ kind: 'puback', packetId: message.packetId, reasonCode: 0, properties: {} });
    }
  });
});

async function persistent(): Promise<RawClient> {
  const client = new RawClient(rig.port, 4);
  client.send(connectPacket(4, { clientId: 's', cleanStart: false }));
  expect(await client.next()).toMatchObject({ kind: 'connack', reasonCode: 0 });
  return client;
}
