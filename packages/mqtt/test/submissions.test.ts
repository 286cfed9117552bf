import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NO_PROPERTIES, type PublishedMessage } from '../src/index.ts';
import { connectPacket, RawClient, type Rig, startRig, subscribePacket } from './broker-rig.ts';
import { HeldStore } from './held-store.ts';

let rig: Rig;
let store: HeldStore;
beforeEach(async () => {
  store = new HeldStore();
  rig = await startRig({ store, limits: { topicLevelsMax: 8, retainedMessagesMax: 1 } });
});
afterEach(async () => {
  store.isOpen = true;
  store.isFull = false;
  await store.letThrough();
  await rig.stop();
});

const message = (more: Partial<PublishedMessage> = {}): PublishedMessage => ({
  topic: 't',
  payload: Buffer.from('hello'),
  qos: 1,
  retain: false,
  properties: NO_PROPERTIES,
  owner: 'thing:lamp',
  ...more,
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

async function persistent(clientId: string) {
  const client = new RawClient(rig.port, 5);
  const properties = { sessionExpiryInterval: 100 };
  client.send(connectPacket(5, { clientId, cleanStart: false, properties }));
  await client.next();
  return client;
}

/** One that is away and is owed all of `t`. */
async function keepFor(clientId: string): Promise<void> {
  const client = await persistent(clientId);
  client.send(subscribePacket('t', 1));
  await client.next();
  client.socket.destroy();
  await until(() => rig.broker.get(clientId) === undefined && rig.broker.metrics().uncommittedBytes === 0);
}

describe('a message that came by another protocol', () => {
  test('with QoS 1 is answered when it is durable for who is away, and kept for them', async () => {
    await keepFor('away');
    store.isOpen = false;
    let isAnswered = false;
    const answer = rig.broker.submit(message()).finally(() => {
      isAnswered = true;
    });
    await until(() => store.waiting === 1);
    expect(await rig.broker.submit(message({ qos: 0 }))).toEqual({ kind: 'taken', copies: 1 });
    expect(isAnswered).toBe(false);
    store.isOpen = true;
    await store.letThrough();
    expect(await answer).toEqual({ kind: 'taken', copies: 1 });
    const client = await persistent('away');
    expect(await client.next()).toMatchObject({ kind: 'publish', qos: 1, payload: Buffer.from('hello') });
  });

  test('is answered at once when nobody has to be kept for', async () => {
    store.isOpen = false;
    expect(await rig.broker.submit(message({ topic: 'nobody' }))).toEqual({ kind: 'taken', copies: 0 });
  });

  test('is refused, and nothing of it routed, while the disk has no room for it', async () => {
    await keepFor('away');
    store.isFull = true;
    void rig.broker.submit(message());
    await until(() => rig.broker.metrics().diskFull === 1);
    expect(await rig.broker.submit(message())).toEqual({ kind: 'refused', limit: 'disk' });
    expect(rig.broker.metrics()).toMatchObject({ storedMessages: 1, publishesRefused: 1 });
  });

  test('is not said to be taken when the store failed, before it or while it waited', async () => {
    await keepFor('away');
    store.isOpen = false;
    const waiting = rig.broker.submit(message());
    await until(() => store.waiting === 1);
    store.fail(new Error('the disk is gone'));
    expect(await waiting).toEqual({ kind: 'unavailable' });
    expect(await rig.broker.submit(message())).toEqual({ kind: 'unavailable' });
  });

  test('is retained within the limits: one too many is refused with QoS 1, and only routed with QoS 0', async () => {
    expect(await rig.broker.submit(message({ retain: true }))).toMatchObject({ kind: 'taken' });
    const other = message({ retain: true, topic: 'other' });
    expect(await rig.broker.submit(other)).toEqual({ kind: 'refused', limit: 'retainedMessagesMax' });
    expect(await rig.broker.submit({ ...other, qos: 0 })).toMatchObject({ kind: 'taken' });
    expect(rig.broker.limitsReached().get('retainedMessagesMax')).toBe(2);
    const client = await persistent('reader');
    client.send(subscribePacket('#', 1));
    expect((await client.next()) as object).toMatchObject({ kind: 'suback' });
    expect(await client.next()).toMatchObject({ kind: 'publish', topic: 't', retain: true });
    expect(rig.broker.metrics()).toMatchObject({ retainedMessages: 1 });
  });

  test('that clears a retained one again is answered when its first clearing is durable', async () => {
    const clear = message({ retain: true, payload: Buffer.alloc(0) });
    await rig.broker.submit(message({ retain: true }));
    store.isOpen = false;
    await rig.broker.submit({ ...clear, qos: 0 });
    let isAnswered = false;
    const answer = rig.broker.submit(clear).finally(() => {
      isAnswered = true;
    });
    await until(() => store.waiting === 1);
    expect(isAnswered).toBe(false);
    await store.letThrough();
    expect(await answer).toEqual({ kind: 'taken', copies: 0 });
    expect(await rig.broker.submit(clear)).toEqual({ kind: 'taken', copies: 0 });
  });

  test.each(['', 'a/+', '1/2/3/4/5/6/7/8/9'])('is refused on the topic `%s`', async (topic) => {
    await expect(rig.broker.submit(message({ topic }))).rejects.toMatchObject({ name: 'MqttError' });
  });
});
