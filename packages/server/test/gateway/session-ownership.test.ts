import { parseCertificateId } from '@fleetward/core';
import { REASON } from '@fleetward/mqtt';
import { FakeClock } from '@fleetward/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BusMessage } from '../../src/gateway/bus.ts';
import { SessionOwnership } from '../../src/gateway/session-ownership.ts';
import { FaultyBus } from './faulty-bus.ts';

function join(more: { claim?: () => Promise<number> } = {}) {
  const bus = new FaultyBus();
  const cut: string[] = [];
  const resumed: string[] = [];
  const ownership = new SessionOwnership({
    bus,
    leases: { claim: more.claim ?? (async () => 5) },
    node: 'own',
    cut: (certificateId) => void cut.push(certificateId),
    resume: (certificateId) => void resumed.push(certificateId),
    clock: new FakeClock(1_000),
  });
  const hear = (message: BusMessage): void => {
    bus.publish(message);
    bus.inOrder();
  };
  return { ownership, bus, cut, resumed, hear };
}

function connection() {
  const endings: number[] = [];
  return { endings, disconnect: (reasonCode: number) => void endings.push(reasonCode) };
}

const claimed = (epoch: number) => ({ kind: 'session-claimed', clientId: 'a', epoch, node: 'b' }) as const;

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
  expect(ownership.isBarred(certificateId)).toBe(false);
  for (let times = 0; times < 2; times++) hear({ kind: 'certificate-revoked', certificateId });
  expect(ownership.isBarred(certificateId)).toBe(true);
  expect(cut).toEqual([certificateId, certificateId]);
});

test('of what is said of a suspension the latest holds, in whatever order it comes, and a revocation above all', () => {
  const certificateId = parseCertificateId('ab'.repeat(32));
  const said = fc.record({ isSuspended: fc.boolean(), atMs: fc.integer({ min: 1, max: 4 }) });
  fc.assert(
    fc.property(fc.array(said, { minLength: 1, maxLength: 6 }), fc.boolean(), (messages, isRevoked) => {
      const { ownership, cut, resumed, hear } = join();
      for (const one of messages) hear({ kind: 'certificate-suspension', certificateId, ...one });
      if (isRevoked) hear({ kind: 'certificate-revoked', certificateId });
      const newestMs = Math.max(...messages.map(({ atMs }) => atMs));
      const isSuspended = messages.some((one) => one.atMs === newestMs && one.isSuspended);
      expect(ownership.isBarred(certificateId)).toBe(isRevoked || isSuspended);
      if (isSuspended) expect(cut).not.toEqual([]);
      else expect(resumed).not.toEqual([]);
    }),
  );
});

test('what is switched off and on again in one millisecond is on for the others as well', () => {
  const { ownership, bus } = join();
  const other = join();
  const certificateId = parseCertificateId('ab'.repeat(32));
  bus.subscribe((message) => other.hear(message));
  for (const isSuspended of [true, false]) ownership.announceSuspended(certificateId, isSuspended);
  bus.inOrder();
  expect([ownership.isBarred(certificateId), other.ownership.isBarred(certificateId)]).toEqual([
    false,
    false,
  ]);
});
