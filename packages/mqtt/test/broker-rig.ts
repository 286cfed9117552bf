import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp, createServer, type Server, type Socket } from 'node:net';
import {
  type Access,
  type Broker,
  type BrokerHooks,
  type BrokerLimits,
  createBroker,
  encodePacket,
  type MessageStore,
  type Packet,
  PacketReader,
} from '../src/index.ts';

export const allowAll: Access = {
  mayPublish: () => true,
  maySubscribe: () => true,
  mayReceive: () => true,
};

export interface Rig {
  readonly broker: Broker<string>;
  readonly port: number;
  readonly events: readonly string[];
  /** Moves the clock on and lets the broker look at it. */
  advance(ms: number): void;
  stop(): Promise<void>;
}

interface RigOptions {
  readonly limits?: Partial<BrokerLimits>;
  readonly access?: Access;
  readonly hooks?: Partial<BrokerHooks<string>>;
  readonly accepted?: (stream: Socket) => void;
  readonly store?: MessageStore;
  /** When the clock begins. */
  readonly nowMs?: number;
}

/** A broker on a real TCP port of the system's choice, with a clock that only the test moves. */
export async function startRig({
  limits = {},
  access = allowAll,
  hooks = {},
  accepted,
  store,
  nowMs: startMs = 1_000_000,
}: RigOptions = {}): Promise<Rig> {
  const events: string[] = [];
  let nowMs = startMs;
  const broker = createBroker<string>({
    limits: { commitIntervalMs: 0, ...limits },
    clock: { now: () => nowMs },
    random: { bytes: (length) => randomBytes(length) },
    ticks: 'manual',
    ...(store === undefined ? {} : { store }),
    hooks: {
      connect: () => ({ kind: 'accept', access }),
      connected: (connection) => void events.push(`connected ${connection.clientId}`),
      disconnected: (connection, reason) => void events.push(`${reason} ${connection.clientId}`),
      limited: (_connection, limit) => void events.push(`limited ${limit}`),
      ...hooks,
    },
  });
  await broker.start();
  const server = createServer({ noDelay: true }, (socket) => {
    accepted?.(socket);
    broker.accept(socket, 'peer');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const advance = (ms: number): void => {
    nowMs += ms;
    broker.tick(nowMs);
  };
  return { broker, port: portOf(server), events, advance, stop: () => stop(server, broker) };
}

async function stop(server: Server, broker: Broker<string>): Promise<void> {
  server.close();
  await broker.close();
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('not a TCP server');
  return address.port;
}

/** A client that says exactly what the test says, bytes included. */
export class RawClient {
  readonly socket: Socket;
  readonly #reader: PacketReader;
  readonly #packets: Packet[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly version: 4 | 5;
  isEnded = false;

  constructor(port: number, version: 4 | 5) {
    this.version = version;
    this.#reader = new PacketReader({ packetBytesMax: 1024 * 1024, version });
    this.socket = connectTcp(port, '127.0.0.1');
    this.socket.on('data', (chunk) => {
      this.#packets.push(...this.#reader.read(chunk));
      this.#wake();
    });
    this.socket.on('error', () => this.socket.destroy());
    this.socket.on('close', () => {
      this.isEnded = true;
      this.#wake();
    });
  }

  send(...packets: readonly Packet[]): void {
    this.socket.write(Buffer.concat(packets.map((packet) => encodePacket(packet, this.version))));
  }

  /** The next packet, or `end` when the broker has closed the connection. */
  async next(): Promise<Packet | 'end'> {
    for (;;) {
      const packet = this.#packets.shift();
      if (packet !== undefined) return packet;
      if (this.isEnded) return 'end';
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

export function connectPacket(version: 4 | 5, overrides: Partial<Packet & { kind: 'connect' }> = {}): Packet {
  return {
    kind: 'connect',
    protocolVersion: version,
    clientId: 'device-1',
    cleanStart: true,
    keepAliveSeconds: 60,
    properties: {},
    ...overrides,
  };
}

export function publishPacket(overrides: Partial<Packet & { kind: 'publish' }> = {}): Packet {
  return {
    kind: 'publish',
    topic: 'a/b',
    payload: Buffer.from('hello'),
    qos: 0,
    dup: false,
    retain: false,
    properties: {},
    ...overrides,
  };
}

export function subscribePacket(filter: string, qos: 0 | 1 | 2 = 0): Packet {
  const request = { filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  return { kind: 'subscribe', packetId: 7, subscriptions: [request], properties: {} };
}

/** A client that has its CONNACK. */
export async function connected(
  rig: Rig,
  version: 4 | 5,
  overrides: Partial<Packet & { kind: 'connect' }> = {},
): Promise<RawClient> {
  const client = new RawClient(rig.port, version);
  client.send(connectPacket(version, overrides));
  const answer = await client.next();
  if (answer === 'end' || answer.kind !== 'connack' || answer.reasonCode !== 0)
    throw new TypeError(`not accepted: ${JSON.stringify(answer)}`);
  return client;
}

export async function subscribed(
  rig: Rig,
  version: 4 | 5,
  options: { id: string; filter: string; qos?: 0 | 1 | 2 },
): Promise<RawClient> {
  const client = await connected(rig, version, { clientId: options.id });
  client.send(subscribePacket(options.filter, options.qos ?? 0));
  await client.next();
  return client;
}
