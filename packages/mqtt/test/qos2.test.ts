import { afterEach, describe, expect, test } from 'vitest';
import type { Packet } from '../src/index.ts';
import { connected, publishPacket, type Rig, startRig, subscribed, subscribePacket } from './broker-rig.ts';

let rig: Rig;
afterEach(() => rig.stop());

type Step = 'puback' | 'pubrec' | 'pubrel' | 'pubcomp';
const step = (kind: Step, packetId: number, reasonCode = 0): Packet => ({
  kind,
  packetId,
  reasonCode,
  properties: {},
});
const ping: Packet = { kind: 'pingreq' };

describe.each([4, 5] as const)('QoS 2 on level %i', (version) => {
  test('reaches a subscriber once, through all four packets on both sides', async () => {
    rig = await startRig();
    const subscriber = await subscribed(rig, version, { id: 'sub', filter: 'a/+', qos: 2 });
    const publisher = await connected(rig, version, { clientId: 'pub' });
    publisher.send(publishPacket({ qos: 2, packetId: 9 }));
    expect(await publisher.next()).toEqual(step('pubrec', 9));
    expect(await subscriber.next()).toEqual(publishPacket({ qos: 2, packetId: 1 }));
    subscriber.send(step('pubrec', 1));
    expect(await subscriber.next()).toEqual(step('pubrel', 1));
    subscriber.send(step('pubcomp', 1));
    publisher.send(step('pubrel', 9));
    expect(await publisher.next()).toEqual(step('pubcomp', 9));
  });

  test('is not routed again when it is sent again before PUBREL, and is after it', async () => {
    rig = await startRig();
    const client = await connected(rig, version);
    client.send(publishPacket({ qos: 2, packetId: 5 }), publishPacket({ qos: 2, packetId: 5, dup: true }));
    expect([await client.next(), await client.next()]).toEqual([step('pubrec', 5), step('pubrec', 5)]);
    expect(rig.broker.metrics().messagesReceived).toBe(2);
    const watcher = await subscribed(rig, version, { id: 'watcher', filter: '#' });
    client.send(publishPacket({ qos: 2, packetId: 5, dup: true }), step('pubrel', 5));
    client.send(publishPacket({ qos: 2, packetId: 5, payload: Buffer.from('new') }));
    for (const answer of [step('pubrec', 5), step('pubcomp', 5), step('pubrec', 5)])
      expect(await client.next()).toEqual(answer);
    expect(await watcher.next()).toMatchObject({ payload: Buffer.from('new') });
  });

  test('is granted no more than was asked for, and goes out with the lower of the two', async () => {
    rig = await startRig();
    const client = await connected(rig, version);
    client.send(subscribePacket('a/b', 1), publishPacket({ qos: 2, packetId: 1 }));
    expect(await client.next()).toMatchObject({ kind: 'suback', reasonCodes: [1] });
    expect(await client.next()).toMatchObject({ kind: 'publish', qos: 1 });
    expect(await client.next()).toEqual(step('pubrec', 1));
  });

  test('answers PUBREL and PUBREC of what it does not know', async () => {
    rig = await startRig();
    const client = await connected(rig, version);
    client.send(step('pubrel', 3), step('pubrec', 4), step('pubcomp', 4), ping);
    const unknown = version === 5 ? 0x92 : 0;
    expect(await client.next()).toEqual(step('pubcomp', 3, unknown));
    expect(await client.next()).toEqual(step('pubrel', 4, unknown));
    expect(await client.next()).toEqual({ kind: 'pingresp' });
  });
});

describe('QoS 2', () => {
  test('that a subscriber refuses in PUBREC is over, and makes room in its window', async () => {
    rig = await startRig();
    const client = await connected(rig, 5, { properties: { receiveMaximum: 1 } });
    client.send(subscribePacket('t', 2));
    await client.next();
    for (const text of ['1', '2']) rig.broker.publish('t', Buffer.from(text), { qos: 2 });
    expect(await client.next()).toMatchObject({ payload: Buffer.from('1'), packetId: 1 });
    client.send(step('pubrec', 1, 0x80));
    expect(await client.next()).toMatchObject({ payload: Buffer.from('2'), packetId: 2 });
  });

  test('takes room in the window until PUBCOMP', async () => {
    rig = await startRig();
    const client = await connected(rig, 5, { properties: { receiveMaximum: 1 } });
    client.send(subscribePacket('t', 2));
    await client.next();
    for (const text of ['1', '2']) rig.broker.publish('t', Buffer.from(text), { qos: 2 });
    await client.next();
    client.send(step('pubrec', 1), ping);
    expect([await client.next(), await client.next()]).toEqual([step('pubrel', 1), { kind: 'pingresp' }]);
    client.send(step('pubcomp', 1));
    expect(await client.next()).toMatchObject({ payload: Buffer.from('2') });
  });

  test.each([
    ['PUBACK for QoS 2', 2, 'puback'],
    ['PUBREC for QoS 1', 1, 'pubrec'],
  ] as const)('is not mixed up with QoS 1: %s ends the connection', async (_name, qos, kind) => {
    rig = await startRig();
    const client = await subscribed(rig, 5, { id: 'x', filter: 't', qos });
    rig.broker.publish('t', Buffer.from('1'), { qos });
    await client.next();
    client.send(step(kind, 1));
    expect(await client.next()).toMatchObject({ kind: 'disconnect', reasonCode: 0x82 });
  });

  test('above the receive maximum of the broker ends an MQTT 5 connection', async () => {
    rig = await startRig({ limits: { inflightInMax: 2 } });
    const client = await connected(rig, 5);
    const burst = [1, 2, 3].map((packetId) => publishPacket({ qos: 2, packetId }));
    client.send(...burst);
    expect([await client.next(), await client.next()]).toEqual([step('pubrec', 1), step('pubrec', 2)]);
    expect(await client.next()).toMatchObject({ kind: 'disconnect', reasonCode: 0x93 });
    const other = await connected(rig, 5, { clientId: 'other' });
    other.send(...burst.slice(0, 2), step('pubrel', 1), burst[2]!, publishPacket({ topic: 'x' }), ping);
    for (const answer of [step('pubrec', 1), step('pubrec', 2), step('pubcomp', 1), step('pubrec', 3)])
      expect(await other.next()).toEqual(answer);
    expect(await other.next()).toEqual({ kind: 'pingresp' });
  });

  test('with an identifier that a QoS 2 message still holds is refused with QoS 1', async () => {
    rig = await startRig();
    const client = await connected(rig, 5);
    client.send(publishPacket({ qos: 2, packetId: 1 }), publishPacket({ qos: 1, packetId: 1 }));
    expect([await client.next(), await client.next()]).toEqual([step('pubrec', 1), step('puback', 1, 0x91)]);
  });
});
