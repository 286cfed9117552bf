import { afterEach, expect, test } from 'vitest';
import type { Packet } from '../src/index.ts';
import {
  connected,
  publishPacket,
  type RawClient,
  type Rig,
  startRig,
  subscribePacket,
} from './broker-rig.ts';
import { HeldStore } from './held-store.ts';

let rig: Rig;
afterEach(() => rig.stop());

const inUse = 0x91;
const unsubscribe = (packetId: number): Packet => ({
  kind: 'unsubscribe',
  packetId,
  filters: ['a/b', 'c'],
  properties: {},
});
const subscribe = (packetId: number): Packet => ({ ...subscribePacket('a/b', 1), packetId }) as Packet;

async function answers(client: RawClient, count: number): Promise<unknown[]> {
  const packets: unknown[] = [];
  for (let index = 0; index < count; index++) {
    const packet = await client.next();
    if (packet === 'end') throw new Error('the connection ended');
    if (packet.kind === 'suback' || packet.kind === 'unsuback')
      packets.push([packet.kind, packet.packetId, packet.reasonCodes]);
    else if ('packetId' in packet && 'reasonCode' in packet)
      packets.push([packet.kind, packet.packetId, packet.reasonCode]);
  }
  return packets;
}

function keeper(version: 4 | 5): Promise<RawClient> {
  const properties = version === 5 ? { sessionExpiryInterval: 100 } : {};
  return connected(rig, version, { cleanStart: false, properties });
}

test('an identifier of an unfinished QoS 2 message is in use for every other packet (MQTT5-2.2.1-3)', async () => {
  rig = await startRig();
  const client = await keeper(5);
  const second = publishPacket({ topic: 'other', qos: 1, packetId: 5 });
  client.send(publishPacket({ qos: 2, packetId: 5 }), subscribe(5), unsubscribe(5), second);
  expect(await answers(client, 4)).toEqual([
    ['pubrec', 5, 0],
    ['suback', 5, [inUse]],
    ['unsuback', 5, [inUse, inUse]],
    ['puback', 5, inUse],
  ]);
  expect([...(rig.broker.get('device-1')?.subscriptions ?? [])]).toEqual([]);
  client.send({ kind: 'pubrel', packetId: 5, reasonCode: 0, properties: {} }, subscribe(5));
  expect(await answers(client, 2)).toEqual([
    ['pubcomp', 5, 0],
    ['suback', 5, [1]],
  ]);
});

test('so is that of a packet whose answer waits for the disk, and the answers keep their order', async () => {
  const store = new HeldStore();
  rig = await startRig({ store });
  const client = await keeper(5);
  while (rig.broker.metrics().uncommittedBytes > 0) await new Promise((resolve) => setImmediate(resolve));
  store.isOpen = false;
  const first = publishPacket({ qos: 1, packetId: 8 });
  client.send(subscribe(7), subscribe(7), publishPacket({ qos: 1, packetId: 7 }), unsubscribe(7));
  client.send(first, first, publishPacket({ qos: 2, packetId: 8 }), { kind: 'pingreq' });
  expect(await client.next()).toMatchObject({ kind: 'publish', packetId: 1 });
  expect(await client.next()).toEqual({ kind: 'pingresp' }); // all of it was handled
  expect(rig.broker.metrics()).toMatchObject({ storedMessages: 1 });
  store.isOpen = true;
  await store.letThrough();
  expect(await answers(client, 7)).toEqual([
    ['suback', 7, [1]],
    ['suback', 7, [inUse]],
    ['puback', 7, inUse],
    ['unsuback', 7, [inUse, inUse]],
    ['puback', 8, 0],
    ['puback', 8, inUse],
    ['pubrec', 8, inUse],
  ]);
});

test('3.1.1 has no answer that says it: its packets are served as they come', async () => {
  rig = await startRig();
  const client = await keeper(4);
  client.send(publishPacket({ qos: 2, packetId: 5 }), subscribe(5));
  expect(await answers(client, 2)).toEqual([
    ['pubrec', 5, 0],
    ['suback', 5, [1]],
  ]);
});
