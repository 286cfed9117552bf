import type { ClientId, Random } from '@fleetward/core';
import type { DisconnectReason } from '../session/effects.ts';
import type { ProtocolContext } from '../session/server-protocol.ts';
import type { ChunkPool } from './chunk-pool.ts';
import type { BrokerConnection } from './connection.ts';
import type { Access, BrokerHooks, LimitName } from './hooks.ts';
import type { Journal } from './journal.ts';
import type { KeptEncoder } from './kept-encoder.ts';
import type { BrokerLimits } from './limits.ts';
import type { BrokerMetrics } from './metrics.ts';
import type { OwnerPaces } from './owner-pace.ts';
import type { RetainedDeliveries } from './retained-deliveries.ts';
import type { Routing } from './routing.ts';
import type { Session } from './session.ts';
import type { Alarm, Sessions } from './sessions.ts';
import type { StoredMessages } from './stored-messages.ts';
import type { Route, Subscriptions } from './subscriptions.ts';
import type { TimerWheel, WheelEntry } from './timer-wheel.ts';

/** What sending to one client needs of the broker. */
export interface DeliveryHost {
  readonly limits: BrokerLimits;
  readonly metrics: BrokerMetrics;
  readonly journal: Journal;
  readonly messages: StoredMessages;
  readonly encoder: KeptEncoder;
  nowMs(): number;
}

/** What sending to one client needs of its connection. */
export interface Target {
  readonly access: Access;
  /** Bytes are staged: write them at the end of this turn. */
  touch(): void;
  limited(name: 'outgoingBytesMax' | 'pendingMessagesMax'): void;
  cutSlowConsumer(): void;
  sendPubrel(packetId: number): void;
  /** An acknowledgement came that answers nothing, or for the second time. */
  unasked(): void;
  /** What it waited for is durable: sends what may be sent now. */
  deliverMore(): void;
}

/** What a connection needs of the broker. */
export interface Host<Peer> extends DeliveryHost {
  readonly random: Random;
  readonly hooks: BrokerHooks<Peer>;
  readonly protocol: ProtocolContext<Route<Session<Peer>>>;
  readonly pool: ChunkPool;
  readonly wheel: TimerWheel<WheelEntry & Alarm>;
  readonly subscriptions: Subscriptions<Session<Peer>>;
  readonly retained: RetainedDeliveries<Session<Peer>>;
  readonly sessions: Sessions<Peer>;
  readonly routing: Routing<Peer>;
  readonly paces: OwnerPaces;
  /** Those that do not read until their rate allows it. */
  readonly paused: Set<BrokerConnection<Peer>>;
  flushLater(connection: BrokerConnection<Peer>): void;
  limited(connection: BrokerConnection<Peer>, limit: LimitName): void;
  /** The disk has no room for what it asks to be kept. */
  refusedByDisk(connection: BrokerConnection<Peer>): void;
  clientIdRefused(connection: BrokerConnection<Peer>, clientId: string): void;
  violated(connection: BrokerConnection<Peer>, why: string): void;
  /** Counts and tells what was caught where the process would else have ended. */
  failed(connection: BrokerConnection<Peer> | undefined, error: unknown): void;
  /** Ends the connection that has this client id, if there is one. */
  takeOver(clientId: ClientId): void;
  opened(connection: BrokerConnection<Peer>): void;
  ended(session: Session<Peer>, ending: Ended<Peer>): void;
  closed(connection: BrokerConnection<Peer>): void;
}

/** How a session lost its connection. */
export interface Ended<Peer> {
  readonly connection: BrokerConnection<Peer>;
  readonly reason: DisconnectReason;
  /** Whether its will is due now, or when its delay has passed. */
  readonly sendWill: boolean;
}
