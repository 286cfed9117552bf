import { randomBytes } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, test } from 'vitest';
import { MemoryStream } from '../fuzz/live/memory-stream.ts';
import {
  type Broker,
  type BrokerLimits,
  createBroker,
  encodePacket,
  type Packet,
  PacketReader,
} from '../src/index.ts';
import { allowAll, connectPacket, publishPacket, subscribePacket } from './broker-rig.ts';

// Short here; the long forms: `FLEETWARD_ABUSE=full npx vitest run packages/mqtt/test/abuse.test.ts`.
const isFull = process.env.FLEETWARD_ABUSE === 'full';
const CONNECTIONS = isFull ? 15_000 : 500;
const RETAINED = isFull ? 1_000_000 : 20_000;
const TIMEOUT_MS = isFull ? 600_000 : 30_000;

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** What is held: bytes of buffers that died are given back a little after their collection, by another thread. */
async function usedBytes(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    least = Math.min(least, heapUsed + arrayBuffers);
  }
  return least;
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

let broker: Broker<undefined>;
let nowMs = 0;
let limited: Map<string, number>;
afterEach(() => broker.close());

function start(limits: Partial<BrokerLimits>): void {
  nowMs = 1_000_000;
  limited = new Map();
  broker = createBroker<undefined>({
    limits: {
      messagesPerSecondMax: 10_000_000,
      bytesPerSecondMax: 2 ** 32,
      deliveriesPerSecondMax: 2 ** 32,
      ...limits,
    },
    clock: { now: () => nowMs },
    random: { bytes: (length) => randomBytes(length) },
    ticks: 'manual',
    hooks: {
      connect: () => ({ kind: 'accept', access: allowAll }),
      limited: (_connection, limit) => void limited.set(limit, (limited.get(limit) ?? 0) + 1),
    },
  });
}

function pass(ms: number): void {
  nowMs += ms;
  broker.tick(nowMs);
}

class Client {
  readonly stream: MemoryStream;
  readonly counts = new Map<string, number>();
  readonly #reader = new PacketReader({ packetBytesMax: 2 ** 20, version: 4 });

  constructor() {
    this.stream = new MemoryStream((chunk) => {
      for (const { kind } of this.#reader.read(chunk)) this.counts.set(kind, this.count(kind) + 1);
    });
    this.stream.on('error', () => {});
    broker.accept(this.stream, undefined);
  }

  count(kind: Packet['kind']): number {
    return this.counts.get(kind) ?? 0;
  }

  send(...packets: readonly Packet[]): this {
    this.stream.receive(Buffer.concat(packets.map((packet) => encodePacket(packet, 4))));
    return this;
  }
}

function connect(clientId: string): Client {
  return new Client().send(connectPacket(4, { clientId, keepAliveSeconds: 0 }));
}

/** Resolves when the broker has answered; returns how many turns of the event loop that took. */
async function served(witness: Client): Promise<number> {
  const before = witness.count('pingresp');
  witness.send({ kind: 'pingreq' });
  for (let turns = 0; ; turns++) {
    if (witness.count('pingresp') > before) return turns;
    await turn();
  }
}

describe('the broker stays within its limits and serves others, with', () => {
  test(
    `${CONNECTIONS} connections that all reconnect at once, and more than it takes`,
    async () => {
      start({ connectionsMax: CONNECTIONS + 1 });
      const witness = connect('witness');
      const join = (index: number): Client => connect(`c${index}`).send(subscribePacket(`t/${index}`));
      const all = (): readonly Client[] => Array.from({ length: CONNECTIONS }, (_, index) => join(index));
      for (let round = 1; round <= 2; round++) {
        const clients = all();
        await served(witness);
        expect(clients.every((client) => client.count('connack') === 1 && client.count('suback') === 1)).toBe(
          true,
        );
        expect(broker.metrics()).toMatchObject({ connections: CONNECTIONS + 1, subscriptions: CONNECTIONS });
        for (const { stream } of round === 1 ? clients : []) stream.destroy();
        await turn();
      }
      for (let extra = 0; extra < 10; extra++) connect(`extra${extra}`);
      await served(witness);
      expect(broker.metrics()).toMatchObject({
        connectsAccepted: 2 * CONNECTIONS + 1,
        connectionsOverLimit: 10,
      });
      expect(limited.get('connectionsMax')).toBe(10);
    },
    TIMEOUT_MS,
  );

  test(
    `${CONNECTIONS} peers that drip a CONNECT, then ${CONNECTIONS} that drip a packet`,
    async () => {
      start({ connectionsMax: 2 * CONNECTIONS + 1, packetBytesMax: 300_000 });
      const witness = connect('witness');
      const header = encodePacket(connectPacket(4, { clientId: 'x'.repeat(50) }), 4);
      const drips = Array.from({ length: CONNECTIONS }, () => new Client());
      const message = encodePacket(publishPacket({ payload: Buffer.alloc(200_000) }), 4);
      const dripping = Array.from({ length: CONNECTIONS }, (_, index) => connect(`d${index}`));
      for (let at = 0; at < 40; at++) {
        for (const { stream } of drips) stream.receive(header.subarray(at, at + 1));
        for (const { stream } of dripping) stream.receive(message.subarray(at, at + 1));
        await served(witness);
        pass(1_000);
      }
      await turn();
      expect(broker.metrics()).toMatchObject({ connections: 1, connectTimeouts: CONNECTIONS });
      expect(limited.get('connectTimeoutMs')).toBe(CONNECTIONS);
      expect(limited.get('packetTimeoutMs')).toBe(CONNECTIONS);
    },
    TIMEOUT_MS,
  );

  test('1,000 topics of 65,535 bytes, each another one: routed, and none is remembered', async () => {
    start({ packetBytesMax: 70_000, topicBytesMax: 65_535 });
    const witness = connect('witness').send(subscribePacket('#'));
    const sender = connect('sender');
    const publish = (index: number): void =>
      void sender.send(publishPacket({ topic: `${index}/${'x'.repeat(65_535 - `${index}/`.length)}` }));
    for (let index = 0; index < 100; index++) {
      publish(index);
      await served(witness);
    }
    const before = await usedBytes();
    for (let index = 100; index < 1_000; index++) {
      publish(index);
      if (index % 10 !== 0) continue;
      await served(sender); // what it sends may take more than a turn
      await served(witness);
    }
    await served(sender);
    await served(witness);
    expect(witness.count('publish')).toBe(1_000);
    expect((await usedBytes()) - before).toBeLessThan(8 * 1024 * 1024);
  });

  test('thousands of messages in one chunk that each go to a hundred shares: a part of them a turn', async () => {
    const [messages, shares, copiesATurn] = [5_000, 100, 16_384];
    start({ filtersPerSubscribeMax: shares });
    const request = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    const subscriptions = Array.from({ length: shares }, (_, at) => ({
      ...request,
      filter: `$share/s${at}/t`,
    }));
    connect('subscriber').send({ kind: 'subscribe', packetId: 1, subscriptions, properties: {} });
    connect('publisher').send(...Array<Packet>(messages).fill(publishPacket({ topic: 't' })));
    for (let before = 0; before < messages; ) {
      await turn();
      const { messagesReceived } = broker.metrics();
      expect((messagesReceived - before) * shares).toBeLessThanOrEqual(2 * (copiesATurn + shares));
      before = messagesReceived;
    }
  });

  test('a topic longer than its limit: the connection ends, others are served', async () => {
    start({ packetBytesMax: 70_000, topicBytesMax: 1_024 });
    const witness = connect('witness').send(subscribePacket('#'));
    connect('sender').send(publishPacket({ topic: 'x'.repeat(65_535) }));
    await served(witness);
    pass(2_000);
    await turn();
    expect(broker.metrics()).toMatchObject({ connections: 1, protocolErrors: 1 });
    expect(witness.count('publish')).toBe(0);
  });

  test(
    `${RETAINED} retained topics and a subscriber to all of them: the rest is refused, nobody waits for it`,
    async () => {
      start({ retainedMessagesMax: RETAINED, retainedBytesMax: 2 ** 30 });
      const witness = connect('witness');
      const sender = connect('sender');
      const leave = (index: number): void =>
        void sender.send(
          publishPacket({ topic: `devices/${index}/status`, payload: Buffer.from('on'), retain: true }),
        );
      const before = await usedBytes();
      for (let index = 0; index < RETAINED + 100; index++) {
        leave(index);
        if (index % 1_000 === 0) await served(witness);
      }
      await served(witness);
      const bytesEach = ((await usedBytes()) - before) / RETAINED;
      if (isFull) process.stdout.write(`${Math.round(bytesEach)} bytes of memory a retained message\n`);
      expect(bytesEach).toBeLessThan(2_000);
      expect(broker.metrics()).toMatchObject({ retainedMessages: RETAINED, retainedRefused: 100 });
      expect(limited.get('retainedMessagesMax')).toBe(100);

      const all = connect('all').send(subscribePacket('#'));
      const none = connect('none').send(subscribePacket('devices/+/nothing'));
      let mostBetween = 0;
      while (all.count('publish') < RETAINED) {
        const had = all.count('publish');
        await served(witness);
        mostBetween = Math.max(mostBetween, all.count('publish') - had);
      }
      // While the witness waits for one answer, a few turns' worth of messages go to the other: 512 a turn.
      expect(mostBetween).toBeLessThan(5_000);
      expect(none.count('publish')).toBe(0);
      expect(broker.metrics()).toMatchObject({ messagesDropped: 0, slowConsumersCut: 0 });
    },
    TIMEOUT_MS,
  );

  test('a subscriber to all retained topics that never reads: it holds its buffer, then it is cut', async () => {
    start({ outgoingBytesMax: 65_536, stalledWriteMs: 5_000 });
    const witness = connect('witness');
    const sender = connect('sender');
    for (let index = 0; index < 5_000; index++)
      sender.send(publishPacket({ topic: `t/${index}`, payload: Buffer.alloc(100), retain: true }));
    await served(sender);
    const stuck = connect('stuck');
    stuck.stream.isStuck = true;
    const before = broker.metrics().messagesSent;
    stuck.send(subscribePacket('#'));
    for (let count = 0; count < 200; count++) await served(witness);
    const sent = broker.metrics().messagesSent - before;
    expect(sent * 100).toBeLessThan(2 * 65_536);
    expect(sent).toBeGreaterThan(100);
    pass(5_000);
    pass(5_000);
    expect(broker.metrics()).toMatchObject({ slowConsumersCut: 1, messagesDropped: 0 });
  });
});
