import type { Duplex } from 'node:stream';
import type { Clock, Random } from '@fleetward/core';
import { NO_PROPERTIES } from '../codec/properties.ts';
import { REASON } from '../reason-codes.ts';
import { BrokerCore, TICK_MS } from './core.ts';
import type { BrokerHooks, Connection } from './hooks.ts';
import { type BrokerLimits, parseBrokerLimits } from './limits.ts';
import type { BrokerMetrics } from './metrics.ts';

export interface BrokerOptions<Peer> {
  readonly limits?: Partial<BrokerLimits>;
  readonly clock: Clock;
  readonly random: Random;
  readonly hooks: BrokerHooks<Peer>;
  /** `own` (the default): the broker looks at the clock every 250 ms. `manual`: its owner calls `tick`. */
  readonly ticks?: 'own' | 'manual';
}

export interface Broker<Peer> {
  /** Takes over a stream on which nothing was read yet. Who the peer is must be known by now. */
  accept(stream: Duplex, peer: Peer): Connection<Peer>;
  /** Sends a message of the platform's own; returns to how many it was handed. Throws `MqttError` for what is no topic name. */
  publish(topic: string, payload: Uint8Array, options: { readonly qos: 0 | 1 }): number;
  /** Those whose CONNECT was accepted. */
  connections(): Iterable<Connection<Peer>>;
  get(clientId: string): Connection<Peer> | undefined;
  /** A copy. */
  metrics(): Readonly<BrokerMetrics>;
  /** Looks after keep-alives, timeouts and pauses; call it a few times a second with `ticks: 'manual'`. */
  tick(nowMs: number): void;
  /** Disconnects everybody (no wills: nobody is left to read them) and resolves when every stream is closed. */
  close(): Promise<void>;
}

/** A broker without listeners: hand it streams. */
export function createBroker<Peer>(options: BrokerOptions<Peer>): Broker<Peer> {
  const { clock, random, hooks } = options;
  const core = new BrokerCore({ limits: parseBrokerLimits(options.limits), clock, random, hooks });
  const isManual = options.ticks === 'manual';
  const timer = isManual ? undefined : setInterval(() => core.tick(clock.now()), TICK_MS).unref();
  let isClosing = false;
  return {
    accept(stream, peer) {
      const connection = core.accept(stream, peer);
      if (isClosing) connection.disconnect(REASON.serverShuttingDown);
      return connection;
    },
    publish: (topic, payload, { qos }) => publish(core, topic, { payload, qos }),
    connections: () => core.byClientId.values(),
    get: (clientId) => core.byClientId.get(clientId),
    metrics: () => ({ ...core.metrics }),
    tick: (nowMs) => core.tick(nowMs),
    async close() {
      isClosing = true;
      for (const connection of core.streams) {
        connection.disconnect(REASON.serverShuttingDown, {
          sendWill: false,
          reason: 'SERVER_INITIATED_DISCONNECT',
        });
      }
      await core.emptied();
      clearInterval(timer);
    },
  };
}

function publish<Peer>(
  core: BrokerCore<Peer>,
  topic: string,
  { payload, qos }: { readonly payload: Uint8Array; readonly qos: 0 | 1 },
): number {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  return core.publish(topic, {
    bytes,
    payloadStart: 0,
    payloadEnd: bytes.length,
    qos,
    retain: false,
    properties: NO_PROPERTIES,
  });
}
