import { parseCertificateId } from '@fleetward/core';
import { MqttError, REASON } from '@fleetward/mqtt';
import { seededRandom } from '@fleetward/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BusMessage, PublishedByDevice } from '../../src/gateway/bus.ts';
import { RecentIds } from '../../src/gateway/recent-ids.ts';
import { SessionOwnership } from '../../src/gateway/session-ownership.ts';
import { FaultyBus } from './faulty-bus.ts';

function join(more: { deliver?: (message: PublishedByDevice) => void; claim?: () => Promise<number> } = {}) {
  const bus = new FaultyBus();
  const cut: string[] = [];
  const ownership = new SessionOwnership({
    bus,
    leases: { claim: more.claim ?? (async () => 5) },
    random: seededRandom(1),
    cut: (certificateId) => void cut.push(certificateId),
    deliver: more.deliver ?? (() => undefined),
  });
  const hear = (message: BusMessage): void => {
    bus.publish(message);
    bus.inOrder();
  };
  return { ownership, bus, cut, hear };
}

function connection() {
  const endings: number[] = [];
  return { endings, disconnect: (reasonCode: number) => void endings.push(reasonCode) };
}

const claimed = (epoch: number) => ({ kind: 'session-claimed', clientId: 'a', epoch, node: 'b' }) as const;
const published = (id: number, node = 'b') =>
  ({ kind: 'published', node, id, topic: 't', payload: new Uint8Array(), qos: 1 }) as const;

test.each([
  [6, 'lost'],
  [5, 'held'],
  [4, 'held'],
] as const)('epoch %i heard while 5 is on its way: %s', async (heard, kind) => {
  const answer = Promise.withResolvers<number>();
  const { ownership, hear } = join({ claim: () => answer.promise });
  const outcome = ownership.claim('a');
  hear(claimed(heard));
  answer.resolve(5);
  expect((await outcome).kind).toBe(kind);
});

test('a higher epoch heard between the answer and the session ends it, and it takes over nobody', async () => {
  const { ownership, bus, hear } = join();
  const outcome = await ownership.claim('a');
  hear(claimed(6));
  const session = connection();
  const told: BusMessage[] = [];
  bus.subscribe((message) => told.push(message));
  if (outcome.kind === 'held') ownership.connected(outcome.claim, session);
  bus.inOrder();
  expect(session.endings).toEqual([REASON.sessionTakenOver]);
  expect(told).toEqual([]);
});

test('whatever claims come in whatever order, a session ends when, and only when, one is higher', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 9 })), async (epochs) => {
      const { ownership, hear } = join();
      const outcome = await ownership.claim('a');
      const session = connection();
      if (outcome.kind === 'held') ownership.connected(outcome.claim, session);
      for (const epoch of epochs) hear(claimed(epoch));
      expect(session.endings.length > 0).toBe(epochs.some((epoch) => epoch > 5));
    }),
  );
});

test('a revocation is final: before, after and without any connection', () => {
  const { ownership, cut, hear } = join();
  const certificateId = parseCertificateId('ab'.repeat(32));
  expect(ownership.isRevoked(certificateId)).toBe(false);
  for (let times = 0; times < 2; times++) hear({ kind: 'certificate-revoked', certificateId });
  expect(ownership.isRevoked(certificateId)).toBe(true);
  expect(cut).toEqual([certificateId, certificateId]);
});

test('each message is delivered once, and what came out of order is counted', () => {
  const ids = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 200 });
  fc.assert(
    fc.property(ids, (arrivals) => {
      const delivered: number[] = [];
      const { ownership, hear } = join({ deliver: ({ id }) => void delivered.push(id) });
      for (const id of arrivals) hear(published(id));
      const firsts = [...new Set(arrivals)];
      const late = firsts.filter((id, index) => firsts.slice(0, index).some((earlier) => earlier > id));
      expect(delivered).toEqual(firsts);
      expect(ownership.counts).toMatchObject({
        late: late.length,
        repeated: arrivals.length - firsts.length,
        stale: 0,
      });
    }),
  );
});

test('a message that this gateway’s limits refuse is counted and hurts nobody', () => {
  const { ownership, hear } = join({
    deliver: () => {
      throw new MqttError('mqtt.quota_exceeded', 'too long', { reasonCode: 0x90 });
    },
  });
  hear(published(1));
  expect(ownership.counts.undeliverable).toBe(1);
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
