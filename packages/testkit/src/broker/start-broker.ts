import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createTcpServer, type Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import {
  type Access,
  type Broker,
  type BrokerLimits,
  createBroker,
  type MessageStore,
} from '@fleetward/mqtt';
import { openMessages } from '@fleetward/server/messages';
import { writeCertificates } from './certificates.ts';
import type { BrokerOptions } from './options.ts';
import { withBug } from './planted.ts';

export interface StartedBroker {
  readonly port: number;
  /** Resolves when it is not known any more what is durable. */
  readonly lost: Promise<Error>;
  stop(): Promise<void>;
}

/** The real broker on loopback, in which the one principal there is may do everything, as any client id, on any number of connections. */
export async function startBroker(options: BrokerOptions): Promise<StartedBroker> {
  const { persist: folder, synchronous, plant } = options;
  const file = folder === undefined ? undefined : await openMessages({ folder, synchronous });
  const store = file === undefined || plant === undefined ? file : withBug(file, plant);
  const broker = createTheBroker(options, store);
  await broker.start();
  const server = await createServer(broker, options);
  server.listen(options.port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: portOf(server),
    lost: file?.lost ?? new Promise(() => undefined),
    async stop() {
      server.close();
      await broker.close();
      await store?.close();
    },
  };
}

function createTheBroker(options: BrokerOptions, store: MessageStore | undefined): Broker<string> {
  const access = accessOf(options);
  return createBroker<string>({
    limits: limitsOf(options),
    clock: { now: () => Date.now() },
    random: { bytes: (length) => randomBytes(length) },
    ...(store === undefined ? {} : { store }),
    hooks: { connect: () => ({ kind: 'accept', access, owner: 'anybody' }), accessOf: () => access },
  });
}

function accessOf({ denySubscribe }: BrokerOptions): Access {
  return {
    mayPublish: () => true,
    maySubscribe: (filter) => {
      // Suites want 0x80: what a policy that cannot decide is answered with, where one that denies is with 0x87.
      if (filter === denySubscribe) throw new Error('--deny-subscribe');
      return true;
    },
    mayReceive: () => true,
  };
}

/** A suite must meet the standard's limits, not ours; rates are those of a load test. */
function limitsOf({ serverKeepAliveSeconds, topicAliasMax }: BrokerOptions): Partial<BrokerLimits> {
  return {
    packetBytesMax: 268_435_455,
    messagesPerSecondMax: 1_000_000,
    bytesPerSecondMax: 1024 ** 3,
    deliveriesPerSecondMax: 1_000_000_000,
    sessionExpirySecondsMax: 0xffff_ffff,
    queuedMessagesMax: 1_000_000,
    queuedBytesMax: 1024 ** 3,
    storedMessagesMax: 10_000_000,
    storedBytesMax: 4 * 1024 ** 3,
    // There is one owner.
    sessionsPerOwnerMax: 1_000_000,
    storedMessagesPerOwnerMax: 10_000_000,
    storedBytesPerOwnerMax: 4 * 1024 ** 3,
    retainedMessagesPerOwnerMax: 1_000_000,
    retainedBytesPerOwnerMax: 1024 ** 3,
    ...(serverKeepAliveSeconds === undefined ? {} : { keepAliveSecondsMax: serverKeepAliveSeconds }),
    ...(topicAliasMax === undefined ? {} : { topicAliasMax }),
  };
}

async function createServer(broker: Broker<string>, { tls }: BrokerOptions): Promise<Server> {
  if (tls === undefined)
    return createTcpServer({ noDelay: true }, (socket) => void broker.accept(socket, 'anybody'));
  const server = createTlsServer(
    {
      ...(await writeCertificates(tls)),
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      noDelay: true,
    },
    (socket) => void broker.accept(socket, 'anybody'),
  );
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('not a TCP server');
  return address.port;
}
