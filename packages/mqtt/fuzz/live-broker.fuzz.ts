import {
  type Broker,
  type Connection,
  createBroker,
  createMemoryStore,
  encodePacket,
  MemoryContents,
  PacketReader,
} from '../src/index.ts';
import { Decisions } from './live/decisions.ts';
import { looseConnect, loosePacket } from './live/loose-packets.ts';
import { MemoryStream } from './live/memory-stream.ts';

// Several clients talk to one broker at once, and to each other through it, in packets that are right in most places. The input is
// the row of decisions that makes them, so any input is a program; the bytes of a finding replay it. The broker lives as long
// as the process: what one input leaves behind meets the next.

export const seeds: readonly Uint8Array[] = Array.from({ length: 24 }, (_, seed) => {
  let state = seed + 1;
  return Uint8Array.from({ length: 40 + seed * 8 }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 24;
  });
});

const CLIENTS = 3;
const PACKET_BYTES_MAX = 8 * 1024;
const SESSION_SECONDS_MAX = 50;

let nowMs = 1_000_000;
const findings: string[] = [];
const contents = new MemoryContents();
const broker: Broker<undefined> = createBroker<undefined>({
  clock: { now: () => nowMs },
  random: { bytes: (length) => new Uint8Array(length).map((_, index) => (nowMs + index * 7) % 256) },
  ticks: 'manual',
  limits: {
    packetBytesMax: PACKET_BYTES_MAX,
    topicLevelsMax: 8,
    subscriptionsMax: 4,
    inflightInMax: 2,
    inflightOutMax: 2,
    pendingMessagesMax: 3,
    outgoingBytesMax: 16 * 1024,
    retainedMessagesMax: 3,
    topicAliasMax: 2,
    messagesPerSecondMax: 1_000,
    sessionExpirySecondsMax: SESSION_SECONDS_MAX,
    commitIntervalMs: 0, // a conversation is over when its last batch is
    sessionsMax: 2,
    queuedMessagesMax: 5,
    storedMessagesMax: 8,
    uncommittedBytesMax: 600,
    sessionsPerOwnerMax: 1,
    storedMessagesPerOwnerMax: 6,
    storedBytesPerOwnerMax: 6_000,
    retainedMessagesPerOwnerMax: 2,
  },
  store: createMemoryStore(contents),
  hooks: {
    connect: ({ clientId }) =>
      clientId === 'two'
        ? {
            kind: 'accept',
            owner: 'second',
            access: {
              mayPublish: () => true,
              maySubscribe: () => true,
              mayReceive: (topic) => topic !== 'b',
            },
          }
        : {
            kind: 'accept',
            owner: 'first',
            access: { mayPublish: () => true, maySubscribe: () => true, mayReceive: () => true },
          },
    failed: (_connection, error) =>
      void findings.push(`threw: ${error instanceof Error ? error.stack : error}`),
    disconnected: (_connection, reason) => {
      if (reason === 'SERVER_ERROR') findings.push('a packet was answered with SERVER_ERROR');
    },
  },
});

await broker.start();

class Client {
  readonly version: 4 | 5;
  readonly stream: MemoryStream;
  readonly connection: Connection<undefined>;
  /** The kinds of the packets that came. */
  readonly received: string[] = [];
  #reader: PacketReader | undefined;

  constructor(version: 4 | 5) {
    this.version = version;
    this.stream = new MemoryStream((chunk) => this.#read(chunk));
    this.stream.on('error', () => {});
    this.connection = broker.accept(this.stream, undefined);
  }

  /** What the broker writes must be MQTT of the version it speaks here. */
  #read(chunk: Buffer): void {
    const version = this.connection.protocolVersion;
    this.#reader ??= new PacketReader({ packetBytesMax: 2 * PACKET_BYTES_MAX, version });
    try {
      for (const { kind } of this.#reader.read(chunk)) this.received.push(kind);
    } catch (error) {
      findings.push(`wrote what is not MQTT ${version}: ${error instanceof Error ? error.message : error}`);
    }
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

let witness: Client | undefined;

/** One that does nothing wrong: it is to be served whatever the others do. */
async function witnessClient(): Promise<Client> {
  if (witness !== undefined) return witness;
  witness = new Client(4);
  witness.stream.receive(
    encodePacket(
      {
        kind: 'connect',
        protocolVersion: 4,
        clientId: 'witness',
        cleanStart: true,
        keepAliveSeconds: 0,
        properties: {},
      },
      4,
    ),
  );
  await turn(); // its CONNECT is read before the clock moves on
  return witness;
}

export async function fuzz(input: Uint8Array): Promise<void> {
  const others = await witnessClient();
  const decisions = new Decisions(input);
  const clients = Array.from({ length: CLIENTS }, () => begin(decisions));
  while (!decisions.isOver) await step(clients, decisions);
  await turn();
  await expectServed(others);
  pass(2_000); // what ended lingers for a second
  for (const { stream } of clients) stream.destroy();
  await turn();
  await turn();
  pass(SESSION_SECONDS_MAX * 1_000 + 1_000);
  for (let turns = 0; turns < 2; turns++) await turn();
  for (let turns = 0; turns < 30 && isBusy(); turns++) await turn();
  check();
}

function begin(decisions: Decisions): Client {
  const client = new Client(decisions.once(3) ? 4 : 5);
  if (!decisions.once(60)) client.stream.receive(looseConnect(decisions, client.version));
  return client;
}

async function step(clients: Client[], decisions: Decisions): Promise<void> {
  const at = decisions.byte() % CLIENTS;
  const client = clients[at]!;
  const action = decisions.byte() % 24;
  if (action < 14) client.stream.receive(loosePacket(decisions, client.version));
  else if (action < 16) sendInParts(client, loosePacket(decisions, client.version));
  else if (action < 18) await turn();
  else if (action === 18) client.stream.isStuck = true;
  else if (action === 19) client.stream.readAgain();
  else if (action === 20) pass(decisions.of([10, 300, 2_000, 60_000]));
  else if (action === 21) broker.publish('a/b', Buffer.from('own'), { qos: decisions.of([0, 1, 2]) });
  else {
    if (action === 22) client.stream.destroy();
    else client.stream.push(null);
    clients[at] = begin(decisions);
  }
}

function sendInParts(client: Client, packet: Buffer): void {
  const middle = packet.length >> 1;
  client.stream.receive(packet.subarray(0, middle));
  client.stream.receive(packet.subarray(middle));
}

function pass(ms: number): void {
  nowMs += ms;
  broker.tick(nowMs);
}

async function expectServed(client: Client): Promise<void> {
  client.received.length = 0;
  client.stream.receive(encodePacket({ kind: 'pingreq' }, 4));
  for (let turns = 0; turns < 10 && client.received.at(-1) !== 'pingresp'; turns++) {
    await turn();
    pass(300); // it may wait for its rate
  }
  if (client.received.at(-1) !== 'pingresp') findings.push(`the witness was answered \`${client.received}\``);
}

/** Messages are handed on, or on their way to the store. */
function isBusy(): boolean {
  const { storedMessages, uncommittedBytes } = broker.metrics();
  return storedMessages + uncommittedBytes > 0;
}

function check(): void {
  const metrics = broker.metrics();
  const { connections, subscriptions, faults } = metrics;
  if (connections !== 1) findings.push(`${connections} connections are left, 1 is there`);
  if (subscriptions !== 0)
    findings.push(`${subscriptions} subscriptions are left of connections that are gone`);
  for (const name of ['storedSessions', 'storedMessages', 'storedBytes', 'uncommittedBytes'] as const)
    if (metrics[name] !== 0) findings.push(`${name} is ${metrics[name]} when all sessions are over`);
  if (metrics.owners > metrics.retainedMessages)
    findings.push(`${metrics.owners} owners are left, of ${metrics.retainedMessages} retained messages`);
  const { sessions, messages } = contents;
  if (sessions.size + messages.size > 0)
    findings.push(`the store keeps ${sessions.size} sessions and ${messages.size} messages`);
  if (faults !== 0 && findings.length === 0) findings.push(`${faults} faults`);
  if (findings.length > 0) throw new Error(findings.splice(0).join('\n'));
}
