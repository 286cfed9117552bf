import { afterEach, describe, expect, test } from 'vitest';
import { MemoryStream } from '../fuzz/live/memory-stream.ts';
import type { BrokerHooks, BrokerLimits, ConnectVerdict } from '../src/index.ts';
import { encodePacket, PacketReader } from '../src/index.ts';
import { allowAll, connectPacket, publishPacket, type Rig, startRig } from './broker-rig.ts';

let rig: Rig;
afterEach(() => rig.stop());

/** The owner of `a-1` and of `a-2` is `a`. */
const byPrefix: Pick<BrokerHooks<string>, 'connect'> = {
  connect: ({ clientId }) => ({ kind: 'accept', access: allowAll, owner: clientId.split('-')[0] ?? '' }),
};

const unlimited: Partial<BrokerLimits> = {
  messagesPerSecondMax: 10_000_000,
  bytesPerSecondMax: 2 ** 32,
  deliveriesPerSecondMax: 2 ** 32,
};

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const ping = encodePacket({ kind: 'pingreq' }, 4);

class Client {
  pings = 0;
  readonly #stream: MemoryStream;
  readonly #reader = new PacketReader({ packetBytesMax: 2 ** 20, version: 4 });

  constructor(clientId: string) {
    this.#stream = new MemoryStream((chunk) => {
      for (const { kind } of this.#reader.read(chunk)) if (kind === 'pingresp') this.pings++;
    });
    rig.broker.accept(this.#stream, 'peer');
    this.send(encodePacket(connectPacket(4, { clientId }), 4));
  }

  send(...bytes: readonly Buffer[]): void {
    this.#stream.receive(Buffer.concat(bytes));
  }

  /** Whether the stream is paused or not. */
  bring(bytes: Buffer): void {
    this.#stream.emit('data', bytes);
  }
}

function flood(messages: number, topic: string): Buffer {
  return Buffer.concat(Array(messages).fill(encodePacket(publishPacket({ topic }), 4)));
}

describe('a turn of the event loop', () => {
  test('reads so much for one owner, on however many connections, and each of these in its turn', async () => {
    const order: string[] = [];
    const published: NonNullable<BrokerHooks<string>['published']> = (_, { topic }) => {
      if (order.at(-1) !== topic) order.push(topic);
      return undefined;
    };
    rig = await startRig({ limits: unlimited, hooks: { ...byPrefix, published } });
    const names = Array.from({ length: 10 }, (_, index) => `a-${index}`);
    const hostile = names.map((name) => new Client(name));
    const honest = new Client('b-1');
    await turn();
    for (const [index, client] of hostile.entries()) client.send(flood(4_000, names[index] ?? ''), ping);
    honest.send(ping);
    await turn();
    await turn();
    const { messagesReceived } = rig.broker.metrics();
    expect(messagesReceived).toBeGreaterThan(4_000);
    expect(messagesReceived).toBeLessThan(16_000);
    expect(honest.pings).toBe(1);
    await until(() => hostile.every(({ pings }) => pings === 1));
    expect(rig.broker.metrics().messagesReceived).toBe(40_000);
    // Who was cut off in the middle comes again after all others.
    expect(new Set(order.slice(0, 10)).size).toBe(10);
  });

  test('weighs what a message costs for those it goes to', async () => {
    rig = await startRig({ limits: unlimited, hooks: byPrefix });
    const subscriptions = [
      { filter: 't', qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 },
    ] as const;
    const readers = Array.from({ length: 20 }, (_, index) => new Client(`c-${index}`));
    for (const reader of readers)
      reader.send(encodePacket({ kind: 'subscribe', packetId: 1, subscriptions, properties: {} }, 4));
    const hostile = new Client('a-1');
    await turn();
    const message = encodePacket(publishPacket({ topic: 't', payload: Buffer.alloc(4_000) }), 4);
    hostile.send(...Array(400).fill(message), ping);
    await turn();
    await turn();
    expect(rig.broker.metrics().messagesReceived).toBeLessThan(300);
    await until(() => hostile.pings === 1);
    expect(rig.broker.metrics().messagesReceived).toBe(400);
  });

  test('leaves a connection that ends while it waits for its turn behind, and the next is read', async () => {
    rig = await startRig({ limits: unlimited, hooks: byPrefix });
    const [first, second, third] = [new Client('a-1'), new Client('a-2'), new Client('a-3')];
    await turn();
    first.send(flood(9_000, 't'));
    second.send(flood(9_000, 't'));
    third.send(ping);
    await turn();
    rig.broker.get('a-1')?.disconnect(0);
    rig.broker.get('a-2')?.disconnect(0);
    await until(() => third.pings === 1);
  });
});

test('what comes while a CONNECT is decided, as TLS gives all it has decrypted also when paused, is kept until then', async () => {
  let decide: (verdict: ConnectVerdict) => void = () => undefined;
  const decided = new Promise<ConnectVerdict>((resolve) => {
    decide = resolve;
  });
  rig = await startRig({ hooks: { connect: () => decided } });
  const client = new Client('a-1');
  await turn();
  client.bring(ping);
  client.bring(ping);
  decide({ kind: 'accept', access: allowAll });
  await until(() => client.pings === 2);
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}
