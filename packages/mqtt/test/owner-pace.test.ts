import { afterEach, describe, expect, test } from 'vitest';
import { MemoryStream } from '../fuzz/live/memory-stream.ts';
import { parseBrokerLimits } from '../src/broker/limits.ts';
import { type OwnerPace, OwnerPaces } from '../src/broker/owner-pace.ts';
import { ReadPace } from '../src/broker/read-pace.ts';
import type { BrokerHooks, BrokerLimits, ConnectVerdict } from '../src/index.ts';
import { encodePacket, PacketReader } from '../src/index.ts';
import {
  allowAll,
  connected,
  connectPacket,
  publishPacket,
  type RawClient,
  type Rig,
  startRig,
  subscribed,
} from './broker-rig.ts';

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
    expect(messagesReceived).toBeGreaterThan(2_000);
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

describe('the rates of one owner', () => {
  const limits = parseBrokerLimits({ messagesPerSecondMax: 100, ratesPerOwnerMax: 2 });

  test('hold for all its connections together, and who takes less than an even share never waits', () => {
    const field = new Field(limits);
    const greedy = Array.from({ length: 9 }, () => field.join('a', { greedy: true }));
    const modest = field.join('a');
    field.run(60_000);
    const read = [...greedy, modest].reduce((sum, one) => sum + one.read, 0);
    expect(read).toBeGreaterThan(0.7 * 200 * 60);
    expect(read).toBeLessThan(200 * 62 + 10 * 20);
    expect(modest).toMatchObject({ read: 60 * 4, pauses: 0 });
    for (const one of greedy) expect(one.read).toBeGreaterThan((0.5 * 200 * 60) / 10);
    expect(field.limitsReached).toEqual(new Set(['messagesPerSecondMax', 'ratesPerOwnerMax']));
  });

  test('are not got round by coming anew', () => {
    const field = new Field(limits);
    let read = 0;
    for (let second = 0; second < 60; second++) {
      const connections = Array.from({ length: 10 }, () => field.join('a', { greedy: true }));
      field.run(1_000);
      for (const one of connections) {
        read += one.read;
        field.leave(one);
      }
    }
    expect(read).toBeLessThan(2 * 200 * 60);
  });

  test('are the owner’s own: another one, and what belongs to nobody, is read as fast as ever', () => {
    const field = new Field(limits);
    for (let count = 0; count < 9; count++) field.join('a', { greedy: true });
    const others = ['b', '', ''].map((owner) => field.join(owner, { greedy: true }));
    field.run(10_000);
    for (const { read } of others) expect(read).toBeGreaterThan(900);
  });

  test('let very many that share an owner, as devices with one claim do, each say a little in a time that is bounded', () => {
    const field = new Field(limits);
    for (let count = 0; count < 50; count++) field.join('claim', { greedy: true });
    field.run(5_000);
    const devices = Array.from({ length: 50 }, () => field.join('claim', { messages: 10 }));
    // An even share of the rate: 2 a second of each of 100.
    field.run(10 * 500 + 250);
    for (const { read } of devices) expect(read).toBe(10);
  });

  test('are forgotten when all of its connections have been gone for a second and what they read is paid', () => {
    let nowMs = 0;
    const paces = new OwnerPaces({ limits, now: () => nowMs });
    const [first, second] = [paces.join('a'), paces.join('a')];
    expect(second).toBe(first);
    first.spend(400, 0, 0, nowMs);
    paces.leave(first);
    paces.leave(second);
    for (nowMs = 0; nowMs <= 1_750; nowMs += 250) paces.settle(nowMs);
    expect(paces.join('a')).toBe(first);
    paces.leave(first);
    for (; nowMs <= 4_000; nowMs += 250) paces.settle(nowMs);
    expect(paces.join('a')).not.toBe(first);
  });
});

describe('a broker whose owner reads too much on many connections', () => {
  test('holds the sum, and serves what else there is: a modest one of it, others, acknowledgements, DISCONNECT', async () => {
    const limits = { messagesPerSecondMax: 1_000, inflightOutMax: 1, ratesPerOwnerMax: 2 };
    rig = await startRig({ limits, hooks: byPrefix });
    const open = (id: string) => connected(rig, 4, { clientId: id, keepAliveSeconds: 0 });
    const hostile = await Promise.all(['a-1', 'a-2', 'a-3', 'a-4', 'a-5'].map(open));
    const modest = await subscribed(rig, 4, { id: 'a-modest', filter: 'to/modest', qos: 1 });
    const [leaving, other] = [await open('a-leaving'), await open('b-1')];
    for (const client of hostile) client.socket.write(flood(60_000, 't'));
    let seconds = 0;
    const pass = async (): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      rig.advance(250);
      seconds += 0.25;
    };
    const answered = async (answer: Promise<unknown>): Promise<void> => {
      let isThere = false;
      void answer.then(() => {
        isThere = true;
      });
      while (!isThere) await pass();
    };
    for (let round = 0; round < 20; round++) {
      // There is no room for the second before the first is acknowledged.
      for (const text of ['1', '2']) rig.broker.publish('to/modest', Buffer.from(text), { qos: 1 });
      await answered(acknowledge(modest));
      await answered(acknowledge(modest));
      for (const client of [modest, other]) {
        client.send({ kind: 'pingreq' });
        await answered(client.next());
      }
    }
    leaving.send({ kind: 'disconnect', reasonCode: 0, properties: {} });
    while (!rig.events.includes('CLIENT_INITIATED_DISCONNECT a-leaving')) await pass();
    while (seconds < 30) await pass();
    expect(rig.events).toContain('limited ratesPerOwnerMax');
    // What passes the limit first is read to the end of its turn.
    expect(rig.broker.metrics().messagesReceived).toBeLessThan(2_000 * (seconds + 1) + 5 * 2_500);
  });
});

/** Connections that read what their pace lets them, as their broker looks after them. */
class Field {
  nowMs = 0;
  readonly limitsReached = new Set<string>();
  readonly paces: OwnerPaces;
  readonly #limits: BrokerLimits;
  readonly #readers = new Set<Reader>();

  constructor(limits: BrokerLimits) {
    this.#limits = limits;
    this.paces = new OwnerPaces({ limits, now: () => this.nowMs });
  }

  /** `greedy`: ten messages after the other. Else one each time. */
  join(owner: string, options: { readonly greedy?: boolean; readonly messages?: number } = {}): Reader {
    const { greedy = false, messages = Number.POSITIVE_INFINITY } = options;
    const [pace, ownerPace] = [new ReadPace(this.#limits, this.nowMs), this.paces.join(owner)];
    pace.join(ownerPace);
    const reader = { pace, ownerPace, greedy, messages, read: 0, pauses: 0, pausedUntilMs: 0 };
    this.#readers.add(reader);
    return reader;
  }

  leave(reader: Reader): void {
    this.#readers.delete(reader);
    this.paces.leave(reader.ownerPace);
  }

  run(ms: number): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; this.nowMs += 250) {
      this.paces.settle(this.nowMs);
      for (const reader of this.#readers) this.#read(reader);
    }
  }

  #read(reader: Reader): void {
    while (reader.pausedUntilMs <= this.nowMs && reader.read < reader.messages) {
      const messages = reader.greedy ? 10 : 1;
      reader.read += messages;
      const pause = reader.pace.spend(messages, 20 * messages, this.nowMs);
      if (pause !== undefined) {
        reader.pauses++;
        reader.pausedUntilMs = this.nowMs + pause.ms;
        this.limitsReached.add(pause.limit);
      }
      if (!reader.greedy) return;
    }
  }
}

interface Reader {
  readonly pace: ReadPace;
  readonly ownerPace: OwnerPace;
  readonly greedy: boolean;
  readonly messages: number;
  read: number;
  pauses: number;
  pausedUntilMs: number;
}

/** Answers the next PUBLISH. */
async function acknowledge(client: RawClient): Promise<void> {
  const packet = await client.next();
  if (packet === 'end' || packet.kind !== 'publish' || packet.packetId === undefined)
    throw new TypeError(`not a PUBLISH to acknowledge: ${JSON.stringify(packet)}`);
  client.send({ kind: 'puback', packetId: packet.packetId, reasonCode: 0, properties: {} });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}
