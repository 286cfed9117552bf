import { type ForwardedMessage, MqttError, NO_PROPERTIES } from '@fleetward/mqtt';
import { FakeClock } from '@fleetward/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BusMessage, PublishedByDevice } from '../../src/gateway/bus.ts';
import { ClusterMessages } from '../../src/gateway/cluster-messages.ts';
import { RecentIds } from '../../src/gateway/recent-ids.ts';
import { RetainedOrder } from '../../src/gateway/retained-order.ts';
import { SharedMembersTable } from '../../src/gateway/shared-members.ts';
import { FaultyBus } from './faulty-bus.ts';

type Receive = (message: ForwardedMessage) => readonly string[];

/** Whatever happened, nothing is left unserved. */
const none = (_: unknown): readonly string[] => [];

function join(receive: Receive = () => []) {
  const bus = new FaultyBus();
  const clock = new FakeClock(1_000_000);
  const limits = { topicLevelsMax: 8, retainedMessagesMax: 100, retainedBytesMax: 100_000 };
  const messages = new ClusterMessages({ bus, node: 'own', clock, limits, receive });
  const sent: BusMessage[] = [];
  bus.subscribe((message) => 'node' in message && message.node === 'own' && sent.push(message));
  const hear = (...heard: readonly BusMessage[]): void => {
    for (const message of heard) bus.publish(message);
    bus.inOrder();
  };
  return { messages, clock, sent, hear };
}

const message = {
  topic: 't/1',
  payload: Buffer.from('x'),
  qos: 1,
  retain: false,
  properties: NO_PROPERTIES,
  owner: 'thing:pump',
} as const;
const published = (id: number, more: Partial<PublishedByDevice> = {}): PublishedByDevice => ({
  ...{ kind: 'published', node: 'b', id, stampMs: id, shares: [], isForAll: true, hops: 0 },
  ...message,
  ...more,
});
const members = (node: string, count: number, version = 1): BusMessage => ({
  kind: 'shared-members',
  ...{ node, version, subscription: '$share/g/t/#', members: count },
});

test('each message is delivered once, and what came out of order is counted', () => {
  const ids = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 200 });
  fc.assert(
    fc.property(ids, (arrivals) => {
      const delivered: number[] = [];
      const { messages, hear } = join(({ payload }) => none(delivered.push(Number(payload))));
      for (const id of arrivals) hear(published(id, { payload: Buffer.from(`${id}`) }));
      const firsts = [...new Set(arrivals)];
      const late = firsts.filter((id, index) => firsts.slice(0, index).some((earlier) => earlier > id));
      expect(delivered).toEqual(firsts);
      expect(messages.counts).toMatchObject({
        late: late.length,
        repeated: arrivals.length - firsts.length,
        stale: 0,
      });
    }),
  );
});

test('a message that this gateway’s limits refuse is counted and hurts nobody', () => {
  const { messages, hear } = join(() => {
    throw new MqttError('mqtt.quota_exceeded', 'too long', { reasonCode: 0x90 });
  });
  hear(published(1));
  expect(messages.counts.undeliverable).toBe(1);
});

test('members of all gateways have their turns: of 2 here and 1 there, one message in three goes there', () => {
  const { messages, hear } = join();
  messages.membersChanged('$share/g/t/#', 2);
  hear(members('b', 1));
  const elsewhere = Array.from({ length: 300 }, () => messages.announce(message)?.size ?? 0);
  expect(elsewhere.reduce((sum, one) => sum + one, 0)).toBe(100);
});

test('an older count that comes late changes nothing, and a gateway that has left gets no share', () => {
  const { messages, hear } = join();
  hear(members('b', 0, 2), members('b', 5, 1));
  expect(messages.announce(message)).toBeUndefined();
  hear(members('b', 5, 3));
  expect(messages.announce(message)).toEqual(new Set(['$share/g/t/#']));
  hear({ kind: 'gateway-left', node: 'b' }, members('b', 5, 4));
  expect(messages.announce(message)).toBeUndefined();
});

test('shares that come and go, however many, cost later messages nothing and leave room for others', () => {
  const table = new SharedMembersTable({ levelsMax: 8 });
  const manyShares = 70_000;
  for (let version = 1; version < 2 * manyShares; version += 2) {
    const heard = { kind: 'shared-members', node: 'b', subscription: `$share/s${version}/t/#` } as const;
    table.hear({ ...heard, version, members: 1 });
    table.hear({ ...heard, version: version + 1, members: 0 });
  }
  expect([table.refused, table.elsewhere('t/1')]).toEqual([0, []]);
  const last = { node: 'b', subscription: '$share/last/t/#' };
  table.hear({ kind: 'shared-members', ...last, version: 2 * manyShares, members: 1 });
  expect(table.elsewhere('t/1')).toEqual([last]);
});

test('a gateway that joins is told of the members that are there', () => {
  const { messages, hear, sent } = join();
  messages.membersChanged('$share/g/t/#', 2);
  hear();
  sent.length = 0;
  hear({ kind: 'gateway-joined', node: 'b' });
  hear();
  expect(sent).toEqual([expect.objectContaining({ kind: 'shared-members', members: 2 })]);
});

test('what no member here can take goes on to another gateway, a few times and then no more', () => {
  const { messages, hear, sent } = join(({ shares }) => shares);
  hear(members('c', 1));
  const shares = [{ node: 'own', subscription: '$share/g/t/#' }];
  sent.length = 0;
  hear(published(1, { shares }));
  hear();
  const next = { isForAll: false, hops: 1, shares: [{ node: 'c', subscription: '$share/g/t/#' }] };
  expect(sent).toEqual([expect.objectContaining(next)]);
  hear(published(2, { shares, hops: 4 }));
  expect(messages.counts.unserved).toBe(1);
});

test('time on the bus counts against the expiry of a message', () => {
  const intervals: unknown[] = [];
  const { clock, hear } = join(({ properties }) => none(intervals.push(properties.messageExpiryInterval)));
  const properties = { messageExpiryInterval: 5 };
  const stampMs = clock.now();
  clock.advance(3_000);
  hear(published(1, { stampMs, properties }));
  clock.advance(2_000);
  hear(published(2, { stampMs, properties }));
  expect(intervals).toEqual([2]);
});

test('an alias and a subscription’s identifier stay behind, and all bytes are copies', () => {
  const { messages, hear, sent } = join();
  const payload = Buffer.from('payload');
  const correlationData = Buffer.from('asked');
  const properties = { topicAlias: 3, contentType: 'text/plain', correlationData };
  messages.announce({ ...message, payload, properties });
  payload.fill(0);
  correlationData.fill(0);
  hear();
  const own = sent.find(({ kind }) => kind === 'published') as PublishedByDevice;
  expect(Buffer.from(own.payload).toString()).toBe('payload');
  expect(own.properties).toEqual({
    contentType: 'text/plain',
    correlationData: new Uint8Array(Buffer.from('asked')),
  });
});

test('whatever the order, the same message is the retained one in the end', () => {
  const stamp = fc.record({ stampMs: fc.nat(5), node: fc.constantFrom('a', 'b', 'c') });
  const stamps = fc.uniqueArray(stamp, {
    minLength: 1,
    maxLength: 12,
    selector: (one) => JSON.stringify(one),
  });
  fc.assert(
    fc.property(stamps, fc.infiniteStream(fc.nat()), (all, dice) => {
      const last = (order: readonly (typeof all)[number][]) => {
        const retained = new RetainedOrder({ topicsMax: 10, bytesMax: 1_000, counts: { forgotten: 0 } });
        return order.filter((one) => retained.take('t', one)).at(-1);
      };
      const keyed = all.map((one) => ({ one, key: dice.next().value }));
      const shuffled = keyed.toSorted((a, b) => a.key - b.key).map(({ one }) => one);
      expect(last([...shuffled, ...all])).toEqual(last(all));
    }),
  );
});

test('what is remembered of retained messages is bounded in topics and in bytes; the topic not heard of longest goes first', () => {
  const counts = { forgotten: 0 };
  const order = new RetainedOrder({ topicsMax: 3, bytesMax: 3_000, counts });
  const at = (stampMs: number) => ({ stampMs, node: 'a' });
  for (const topic of ['1', '2', '3']) order.take(topic, at(2));
  order.take('1', at(3));
  order.take('4', at(2));
  expect(counts.forgotten).toBe(1);
  // Of one that is remembered, what is earlier is refused.
  expect(['1', '3', '4'].map((topic) => order.take(topic, at(1)))).toEqual([false, false, false]);
  const long = 'x'.repeat(1_300);
  expect(order.take(long, at(2))).toBe(true);
  expect(counts.forgotten).toBe(3);
  expect(['4', long].map((topic) => order.take(topic, at(1)))).toEqual([false, false]);
  expect(order.take('1', at(1))).toBe(true);
});

test('ids far behind are stale, and origins beyond the bound are forgotten oldest first', () => {
  const recent = new RecentIds({ windowIds: 4, originsMax: 2 });
  expect([9, 6, 6, 5, 9].map((id) => recent.see('a', id))).toEqual([
    'new',
    'late',
    'repeated',
    'stale',
    'repeated',
  ]);
  for (const origin of ['b', 'a', 'c']) recent.see(origin, 10);
  expect(['a', 'b'].map((origin) => recent.see(origin, 10))).toEqual(['repeated', 'new']);
});
