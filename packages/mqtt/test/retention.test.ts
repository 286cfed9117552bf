import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, test } from 'vitest';
import type { SharedSubscriber } from '../src/broker/shared-group.ts';
import { Subscriptions } from '../src/broker/subscriptions.ts';
import { FrameReader } from '../src/codec/frame-reader.ts';
import { type Connection, encodePacket } from '../src/index.ts';
import { TopicTable } from '../src/topics/topic-table.ts';
import { TopicTrie } from '../src/topics/topic-trie.ts';
import { allowAll, connected, publishPacket, type Rig, startRig, subscribePacket } from './broker-rig.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

let rig: Rig | undefined;
afterEach(() => rig?.stop());

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

async function isCollected(references: readonly WeakRef<object>[]): Promise<boolean> {
  for (let round = 0; round < 20; round++) {
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    if (references.every((reference) => reference.deref() === undefined)) return true;
  }
  return false;
}

const partial = encodePacket(publishPacket({ payload: Buffer.alloc(200_000) }), 4).subarray(0, 150_000);

function bytesSince(before: number): number {
  return process.memoryUsage().arrayBuffers - before;
}

/** Connects, subscribes to and publishes to a topic of its own, sends half a packet and goes away. */
async function comeAndGo(broker: Rig, clientId: string): Promise<Connection<string>> {
  const client = await connected(broker, 4, { clientId });
  client.send(subscribePacket(`t/${clientId}`), publishPacket({ topic: `t/${clientId}` }));
  await client.next();
  await client.next();
  const connection = broker.broker.get(clientId);
  if (connection === undefined) throw new TypeError('not connected');
  const before = broker.broker.metrics().bytesReceived;
  client.socket.write(partial);
  await until(() => broker.broker.metrics().bytesReceived === before + partial.length);
  client.socket.destroy();
  await until(() => broker.broker.metrics().connections === 0);
  return connection;
}

describe('a connection that ended', () => {
  test('is not kept alive by the routes of the topics it subscribed to', async () => {
    const own = await startRig();
    rig = own;
    const gone: WeakRef<object>[] = [];
    for (let count = 0; count < 5; count++) gone.push(new WeakRef(await comeAndGo(own, `c${count}`)));
    expect(await isCollected(gone)).toBe(true);
  });

  test('holds no packet, stream or queue, whoever still holds it', async () => {
    const streams: WeakRef<object>[] = [];
    const own = await startRig({ accepted: (stream) => streams.push(new WeakRef(stream)) });
    rig = own;
    const kept: Connection<string>[] = [];
    for (let count = 0; count < 2; count++) kept.push(await comeAndGo(own, `warm${count}`));
    collectGarbage();
    const before = process.memoryUsage().arrayBuffers;
    for (let count = 0; count < 20; count++) kept.push(await comeAndGo(own, `c${count}`));
    expect(await isCollected(streams)).toBe(true);
    // The memory of a buffer that is collected is given back a moment later, by another thread.
    for (let round = 0; round < 50 && bytesSince(before) > 10 * partial.length; round++)
      await isCollected([]);
    expect(bytesSince(before)).toBeLessThan(10 * partial.length);
    expect(kept.map(({ isOpen }) => isOpen)).not.toContain(true);
  });
});

describe('a frame reader', () => {
  test('lets go of a packet that will not end', () => {
    const reader = new FrameReader({ packetBytesMax: 1_000_000 });
    reader.read(partial, { frame: () => true });
    expect(reader.pendingBytes).toBe(partial.length);
    reader.clear();
    expect(reader.pendingBytes).toBe(0);
  });
});

describe('the routes of topics', () => {
  const subscriber = (): SharedSubscriber => ({ access: allowAll, hasRoom: true });
  const subscription = (to: SharedSubscriber) =>
    ({ subscriber: to, qos: 0, noLocal: false, retainAsPublished: false, identifiers: [] }) as const;

  test('are remembered until a subscription changes, and not a moment longer', () => {
    const subscriptions = new Subscriptions<SharedSubscriber>({ levelsMax: 8 });
    const topics = new TopicTable<ReturnType<typeof subscriptions.route>>({ seed: 1, refuse: () => {} });
    const [one, two] = [subscriber(), subscriber()];
    const topic = topics.fromText('a/b');
    subscriptions.set('a/+', subscription(one));
    const route = subscriptions.route(topic);
    expect(route.subscriptions.map((each) => each.subscriber)).toEqual([one]);
    expect(subscriptions.route(topic)).toBe(route);
    subscriptions.set('c', subscription(two));
    expect(topic.route).toBeUndefined();
    subscriptions.route(topic);
    subscriptions.delete('a/+', one);
    expect(topic.route).toBeUndefined();
    expect(subscriptions.route(topic)).toEqual({ subscriptions: [], groups: [] });
  });

  test('are bounded in number and in what they hold together', () => {
    const subscriptions = new Subscriptions<SharedSubscriber>({ levelsMax: 8 });
    const topics = new TopicTable<ReturnType<typeof subscriptions.route>>({ seed: 1, refuse: () => {} });
    for (let count = 0; count < 1_000; count++) subscriptions.set('#', subscription(subscriber()));
    const seen = Array.from({ length: 2_000 }, (_, index) => topics.fromText(`t/${index}`));
    for (const topic of seen) expect(subscriptions.route(topic).subscriptions).toHaveLength(1_000);
    const entries = seen.reduce((sum, { route }) => sum + (route?.subscriptions.length ?? 0), 0);
    expect(entries).toBeLessThanOrEqual(2 ** 20);
    expect(seen.at(-1)?.route).toBeDefined();
  });
});

test('a level of a topic on which a message is retained takes little, though nothing else stands there', () => {
  const [topics, levels, bytesALevelMax] = [2_000, 30, 300];
  const deep = new TopicTrie<number>();
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  for (let topic = 1; topic <= topics; topic++) deep.set([`${topic}`, ...Array(levels - 1).fill('x')], topic);
  collectGarbage();
  expect((process.memoryUsage().heapUsed - before) / (topics * levels)).toBeLessThan(bytesALevelMax);
  expect(deep.get(['7', ...Array(levels - 1).fill('x')])).toBe(7);
});
