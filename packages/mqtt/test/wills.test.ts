import { afterEach, describe, expect, test } from 'vitest';
import type { Packet, Will } from '../src/index.ts';
import { allowAll, connectPacket, RawClient, type Rig, startRig, subscribed } from './broker-rig.ts';
import { HeldStore } from './held-store.ts';

let rig: Rig;
afterEach(() => rig.stop());

const goodbye: Packet = { kind: 'disconnect', reasonCode: 0, properties: {} };

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

interface Leaving {
  readonly delaySeconds?: number;
  readonly expirySeconds?: number;
  readonly clientId?: string;
  readonly cleanStart?: boolean;
  readonly isWithoutWill?: boolean;
}

function willOf(delaySeconds: number): Will {
  const properties = delaySeconds === 0 ? {} : { willDelayInterval: delaySeconds };
  return { topic: 'will', payload: Buffer.from('gone'), qos: 2, retain: false, properties };
}

async function connect(leaving: Leaving = {}): Promise<RawClient> {
  const { delaySeconds = 0, expirySeconds = 100, clientId = 'device-1', cleanStart = false } = leaving;
  const client = new RawClient(rig.port, 5);
  const will = leaving.isWithoutWill === true ? {} : { will: willOf(delaySeconds) };
  const properties = { sessionExpiryInterval: expirySeconds };
  client.send(connectPacket(5, { clientId, cleanStart, properties, ...will }));
  expect(await client.next()).toMatchObject({ kind: 'connack', reasonCode: 0 });
  return client;
}

async function lose(client: RawClient): Promise<void> {
  client.socket.destroy();
  await until(() => rig.broker.get('device-1') === undefined);
}

function published(): number {
  return rig.broker.metrics().willsPublished;
}

describe('a will', () => {
  test('with a delay is sent when it has passed, and not when its client is back before', async () => {
    rig = await startRig();
    const watcher = await subscribed(rig, 5, { id: 'watcher', filter: 'will', qos: 2 });
    await lose(await connect({ delaySeconds: 10 }));
    rig.advance(9_000);
    expect(published()).toBe(0);
    const back = await connect({ delaySeconds: 10 });
    rig.advance(60_000);
    back.send({ kind: 'pingreq' });
    expect(await back.next()).toEqual({ kind: 'pingresp' });
    expect(published()).toBe(0);
    await lose(back);
    rig.advance(10_250);
    expect(await watcher.next()).toEqual({
      kind: 'publish',
      topic: 'will',
      payload: Buffer.from('gone'),
      qos: 2,
      packetId: 1,
      dup: false,
      retain: false,
      properties: {}, // not the delay
    });
  });

  test('is sent when the session ends, though its delay has not passed', async () => {
    rig = await startRig();
    await lose(await connect({ delaySeconds: 1_000, expirySeconds: 5 }));
    expect(published()).toBe(0);
    rig.advance(5_250);
    expect(published()).toBe(1);
    await lose(await connect({ delaySeconds: 1_000, expirySeconds: 0 }));
    expect(published()).toBe(2);
    await lose(await connect({ delaySeconds: 1_000 }));
    await connect({ cleanStart: true, isWithoutWill: true });
    expect(published()).toBe(3);
  });

  test('without a delay is sent when another connection takes the session over; with one it is not', async () => {
    rig = await startRig();
    await connect();
    await connect({ delaySeconds: 10 });
    expect(published()).toBe(1);
    await connect({ isWithoutWill: true });
    rig.advance(60_000);
    expect(published()).toBe(1);
  });

  test('is discarded by a normal DISCONNECT, for good', async () => {
    rig = await startRig();
    const client = await connect({ delaySeconds: 10 });
    client.send(goodbye);
    expect(await client.next()).toBe('end');
    rig.advance(200_000);
    expect(published()).toBe(0);
  });

  test('is not sent when the policy does not allow it any more, or the session is frozen', async () => {
    rig = await startRig();
    await lose(await connect({ delaySeconds: 10 }));
    for (const session of rig.broker.sessions())
      session.replaceAccess({ ...allowAll, mayPublish: () => false });
    rig.advance(20_000);
    expect(rig.broker.metrics()).toMatchObject({ willsPublished: 0, willsDenied: 1 });
  });

  test('to a name above the limits or with QoS 2 is judged at CONNECT', async () => {
    rig = await startRig({ limits: { topicLevelsMax: 1 } });
    const client = new RawClient(rig.port, 5);
    client.send(connectPacket(5, { will: { ...willOf(0), topic: 'a/b' } }));
    expect(await client.next()).toMatchObject({ kind: 'connack', reasonCode: 0x90 });
    await connect();
  });
});

describe('after a crash a will', () => {
  async function crashWith(leaving: Leaving, hooks: Parameters<typeof startRig>[0] = {}): Promise<void> {
    const store = new HeldStore();
    rig = await startRig({ store });
    const client = await connect(leaving);
    await until(() => rig.broker.metrics().uncommittedBytes === 0);
    store.fail(new Error('crashed'));
    const before = rig;
    rig = await startRig({ store: new HeldStore(store.contents), nowMs: 5_000_000, ...hooks });
    await before.stop();
    client.socket.destroy();
  }
  const known = { hooks: { accessOf: () => allowAll } };

  test('waits for its delay, counted from the start', async () => {
    await crashWith({ delaySeconds: 10 }, known);
    rig.advance(9_000);
    expect(published()).toBe(0);
    rig.advance(1_250);
    expect(published()).toBe(1);
  });

  test('is not sent when its client is back in time', async () => {
    await crashWith({ delaySeconds: 10 }, known);
    await connect({ isWithoutWill: true });
    rig.advance(60_000);
    expect(published()).toBe(0);
  });

  test('is not sent by who has no rights that are known', async () => {
    await crashWith({ delaySeconds: 0 });
    rig.advance(250);
    expect(rig.broker.metrics()).toMatchObject({ willsPublished: 0, willsDenied: 1 });
  });

  test('that was sent is not sent again', async () => {
    const store = new HeldStore();
    rig = await startRig({ store });
    await lose(await connect());
    expect(published()).toBe(1);
    await until(() => rig.broker.metrics().uncommittedBytes === 0);
    const before = rig;
    rig = await startRig({ store: new HeldStore(store.contents), ...known });
    await before.stop();
    rig.advance(60_000);
    expect(published()).toBe(0);
  });
});

test('a broker that closes leaves the wills of kept sessions to its next run', async () => {
  const store = new HeldStore();
  rig = await startRig({ store });
  await connect({ delaySeconds: 10 });
  await rig.stop();
  rig = await startRig({ store: new HeldStore(store.contents), hooks: { accessOf: () => allowAll } });
  rig.advance(11_000);
  expect(published()).toBe(1);
});
