import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryStream } from '../fuzz/live/memory-stream.ts';
import { BrokerCore } from '../src/broker/core.ts';
import { parseBrokerLimits } from '../src/broker/limits.ts';
import { createMemoryStore, encodePacket, MemoryContents, type Packet } from '../src/index.ts';
import { allowAll, connectPacket, publishPacket, subscribePacket } from './broker-rig.ts';

const OWNERS = ['one', 'two', 'three'] as const;

const limits = parseBrokerLimits({
  commitIntervalMs: 0,
  sessionsPerOwnerMax: 2,
  storedMessagesPerOwnerMax: 4,
  storedBytesPerOwnerMax: 400,
  retainedMessagesPerOwnerMax: 2,
  retainedBytesPerOwnerMax: 510,
});

async function startOn(contents: MemoryContents, nowMs: number): Promise<BrokerCore<undefined>> {
  const core = new BrokerCore<undefined>({
    limits,
    clock: { now: () => nowMs },
    random: { bytes: (length) => new Uint8Array(length) },
    store: createMemoryStore(contents),
    hooks: {
      connect: ({ clientId }) => ({ kind: 'accept', access: allowAll, owner: clientId.split('/')[0]! }),
      failed: (_connection, error) => {
        throw error;
      },
    },
  });
  await core.start();
  return core;
}

/** What each owner takes, and all together. */
function takenIn({ shares, metrics }: BrokerCore<undefined>): object {
  const { storedSessions, storedMessages, storedBytes, retainedMessages, retainedBytes } = metrics;
  const byOwner = OWNERS.map((owner) => ({ ...shares.of(owner), sessions: shares.of(owner).sessions.size }));
  return { byOwner, all: { storedSessions, storedMessages, storedBytes, retainedMessages, retainedBytes } };
}

const client = fc.record({ owner: fc.constantFrom(...OWNERS), number: fc.nat(2) });
const topic = fc.constantFrom('a', 'b', 'c');
const step = fc.oneof(
  fc.record({ kind: fc.constant('connect' as const), client, cleanStart: fc.boolean(), will: fc.boolean() }),
  fc.record({ kind: fc.constant('leave' as const), client }),
  fc.record({ kind: fc.constant('subscribe' as const), client, topic }),
  fc.record({ kind: fc.constant('unsubscribe' as const), client, topic }),
  fc.record({
    kind: fc.constant('publish' as const),
    client,
    topic,
    qos: fc.constantFrom(0, 1, 2),
    retain: fc.boolean(),
    length: fc.constantFrom(0, 5, 90),
    packetId: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({ kind: fc.constant('acknowledge' as const), client }),
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

class Device {
  readonly id: string;
  readonly #core: BrokerCore<undefined>;
  #stream: MemoryStream | undefined;

  constructor(id: string, core: BrokerCore<undefined>) {
    this.id = id;
    this.#core = core;
  }

  take(step: Step): void {
    if (step.kind === 'connect') this.#connect(step);
    else if (step.kind === 'leave') this.#stream?.destroy();
    else for (const packet of packetsOf(step)) this.#stream?.receive(encodePacket(packet, 5));
  }

  #connect({ cleanStart, will }: { readonly cleanStart: boolean; readonly will: boolean }): void {
    this.#stream = new MemoryStream(() => {});
    this.#stream.on('error', () => {});
    this.#core.accept(this.#stream, undefined);
    const left = { topic: 'c', payload: Buffer.alloc(60), qos: 1, retain: true } as const;
    const fields = will ? { will: { ...left, properties: { willDelayInterval: 5 } } } : {};
    const properties = { sessionExpiryInterval: 100 };
    this.#stream.receive(
      encodePacket(connectPacket(5, { clientId: this.id, cleanStart, properties, ...fields }), 5),
    );
  }
}

function packetsOf(step: Exclude<Step, { kind: 'connect' | 'leave' }>): readonly Packet[] {
  if (step.kind === 'subscribe') return [subscribePacket(step.topic, 2)];
  if (step.kind === 'unsubscribe')
    return [{ kind: 'unsubscribe', packetId: 9, filters: [step.topic], properties: {} }];
  if (step.kind === 'acknowledge')
    return [1, 2, 3].map((packetId) => ({ kind: 'pubrel', packetId, reasonCode: 0, properties: {} }));
  const { topic, qos, retain, length, packetId } = step;
  const identified = qos === 0 ? {} : { packetId };
  return [publishPacket({ topic, qos, retain, payload: Buffer.alloc(length), ...identified })];
}

test('what each owner takes is the same counted step by step and counted anew from the store, and within its share', async () => {
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
      const contents = new MemoryContents();
      const core = await startOn(contents, 1_000);
      const devices = new Map<string, Device>();
      for (const each of steps) {
        const id = `${each.client.owner}/${each.client.number}`;
        const device = devices.get(id) ?? new Device(id, core);
        devices.set(id, device);
        device.take(each);
        if (each.kind === 'leave' || each.kind === 'connect') await turn();
        for (const owner of OWNERS) {
          const { sessions, storedMessages, storedBytes, ...retained } = core.shares.of(owner);
          expect(sessions.size).toBeLessThanOrEqual(limits.sessionsPerOwnerMax);
          expect(storedMessages).toBeLessThanOrEqual(limits.storedMessagesPerOwnerMax);
          expect(storedBytes).toBeLessThanOrEqual(limits.storedBytesPerOwnerMax);
          expect(retained.retainedMessages).toBeLessThanOrEqual(limits.retainedMessagesPerOwnerMax);
          expect(retained.retainedBytes).toBeLessThanOrEqual(limits.retainedBytesPerOwnerMax);
        }
      }
      await turn();
      await core.journal.drained();
      const restored = await startOn(contents, 1_000);
      expect(takenIn(restored)).toEqual(takenIn(core));
    }),
    { numRuns: 300 },
  );
});
