import type { Duplex } from 'node:stream';
import type { Clock, Random } from '@fleetward/core';
import type { Qos } from '../codec/packet-type.ts';
import { REASON } from '../reason-codes.ts';
import type { MessageStore } from '../store/message-store.ts';
import { BrokerCore, TICK_MS } from './core.ts';
import type {
  BrokerHooks,
  Connection,
  ForwardedMessage,
  HeldSession,
  LimitName,
  PublishedMessage,
  SubmitOutcome,
} from './hooks.ts';
import { type BrokerLimits, parseBrokerLimits } from './limits.ts';
import type { BrokerMetrics } from './metrics.ts';

export interface BrokerOptions<Peer> {
  readonly limits?: Partial<BrokerLimits>;
  readonly clock: Clock;
  readonly random: Random;
  readonly hooks: BrokerHooks<Peer>;
  /** Where sessions survive the process; without it they end with it. Whoever opened it closes it, after the broker. */
  readonly store?: MessageStore;
  /** `own` (the default): the broker looks at the clock every 250 ms. `manual`: its owner calls `tick`. */
  readonly ticks?: 'own' | 'manual';
}

export interface Broker<Peer> {
  /** Takes up what the last run left in the store; wait for it before the first `accept`. Nothing to do without a store. */
  start(): Promise<void>;
  /** Takes over a stream on which nothing was read yet. Who the peer is must be known by now. */
  accept(stream: Duplex, peer: Peer): Connection<Peer>;
  /** Sends a message of the platform's own, to other brokers too; returns to how many it was handed here. Throws `MqttError` for what is no topic name. */
  publish(topic: string, payload: Uint8Array, options: { readonly qos: Qos }): number;
  /** Whether a message on that topic would go to anybody now, other brokers included; whether they may receive it is not asked. */
  isAwaited(topic: string): boolean;
  /**
   * Takes a message that a client publishes by another protocol and that was allowed; with QoS 1 it resolves when what PUBACK promises
   * is durable. Rejects with `MqttError` a topic that is no name or that this broker's limits refuse.
   */
  submit(message: PublishedMessage): Promise<SubmitOutcome>;
  /**
   * Takes a message that another broker forwards; answers with those of its shared subscriptions that no member here can take.
   * Throws `MqttError` for a topic that this broker's limits refuse.
   */
  receive(message: ForwardedMessage): readonly string[];
  /** Those whose CONNECT was accepted. */
  connections(): Iterable<Connection<Peer>>;
  get(clientId: string): Connection<Peer> | undefined;
  /** All there are, those whose client is away included. */
  sessions(): Iterable<HeldSession>;
  /** That of a client id, its client connected or away. */
  session(clientId: string): HeldSession | undefined;
  /** A copy. */
  metrics(): Readonly<BrokerMetrics>;
  /** How often each limit bit since the start, by the name of its setting. */
  limitsReached(): ReadonlyMap<LimitName, number>;
  /** Looks after keep-alives, timeouts and pauses; call it a few times a second with `ticks: 'manual'`. */
  tick(nowMs: number): void;
  /**
   * Disconnects everybody and resolves when every stream is closed and what was written is durable. No wills: nobody is left to
   * read them; those of sessions in the store are due in the next run.
   */
  close(): Promise<void>;
}

/** A broker without listeners: hand it streams. */
export function createBroker<Peer>(options: BrokerOptions<Peer>): Broker<Peer> {
  const { clock, random, hooks } = options;
  const core = new BrokerCore({
    limits: parseBrokerLimits(options.limits),
    clock,
    random,
    hooks,
    store: options.store,
  });
  const isManual = options.ticks === 'manual';
  const timer = isManual ? undefined : setInterval(() => core.tick(clock.now()), TICK_MS).unref();
  return {
    start: () => core.start(),
    accept: (stream, peer) => core.accept(stream, peer),
    publish: (topic, payload, { qos }) => core.routing.publishOwn({ topic, payload, qos }),
    isAwaited: (topic) => core.routing.isAwaited(topic),
    submit: (message) => core.submissions.submit(message),
    receive: (message) => core.routing.receive(message),
    connections: () => core.byClientId.values(),
    get: (clientId) => core.byClientId.get(clientId),
    sessions: () => core.sessions,
    session: (clientId) => core.sessions.get(clientId),
    metrics: () => ({ ...core.metrics }),
    limitsReached: () => core.limitsReached,
    tick: (nowMs) => core.tick(nowMs),
    async close() {
      core.beginClosing();
      for (const connection of core.streams) {
        connection.disconnect(REASON.serverShuttingDown, {
          sendWill: false,
          reason: 'SERVER_INITIATED_DISCONNECT',
        });
      }
      await core.emptied();
      await core.journal.drained();
      core.journal.stop();
      core.submissions.fail();
      clearInterval(timer);
    },
  };
}
