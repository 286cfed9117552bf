import { parseCertificateId } from '@fleetward/core';
import { REASON } from '@fleetward/mqtt';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BusMessage } from '../../src/gateway/bus.ts';
import { SessionOwnership } from '../../src/gateway/session-ownership.ts';
import { FaultyBus } from './faulty-bus.ts';

function join(more: { claim?: () => Promise<number> } = {}) {
  const bus = new FaultyBus();
  const cut: string[] = [];
  const ownership = new SessionOwnership({
    bus,
    leases: { claim: more.claim ?? (async () => 5) },
    node: 'own',
    cut: (certificateId) => void cut.push(certificateId),
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
