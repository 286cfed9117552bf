import type { ClientId, Random } from '@fleetward/core';
import type { Will } from '../codec/connect.ts';
import type { PublishFrame } from '../codec/publish-frame.ts';
import type { DisconnectReason } from '../session/effects.ts';
import type { SessionContext } from '../session/session.ts';
import type { Topic } from '../topics/topic-table.ts';
import type { ChunkPool } from './chunk-pool.ts';
import type { BrokerHooks, LimitName } from './hooks.ts';
import type { BrokerLimits } from './limits.ts';
import type { BrokerMetrics } from './metrics.ts';
import type { Route, Subscriptions } from './subscriptions.ts';
import type { TimerWheel, WheelEntry } from './timer-wheel.ts';

/** What sending to one client needs of the broker. */
export interface DeliveryHost {
  readonly limits: BrokerLimits;
  readonly metrics: BrokerMetrics;
  nowMs(): number;
}

/** What sending to one client needs of its connection. */
export interface Target {
  /** Bytes are staged: write them at the end of this turn. */
  touch(): void;
  limited(name: 'outgoingBytesMax' | 'pendingMessagesMax'): void;
  cutSlowConsumer(): void;
}

/** What a connection needs of the broker. */
export interface Host<Peer, Member extends WheelEntry> extends DeliveryHost {
  readonly random: Random;
  readonly hooks: BrokerHooks<Peer>;
  readonly session: SessionContext<Route<Member>>;
  readonly pool: ChunkPool;
  readonly wheel: TimerWheel<Member>;
  readonly subscriptions: Subscriptions<Member>;
  /** Those that do not read until their rate allows it. */
  readonly paused: Set<Member>;
  flushLater(member: Member): void;
  limited(member: Member, limit: LimitName): void;
  clientIdRefused(member: Member, clientId: string): void;
  violated(member: Member, why: string): void;
  /** Counts and tells what was caught where the process would else have ended. */
  failed(member: Member, error: unknown): void;
  /** Ends the connection that has this client id, if there is one. */
  takeOver(clientId: ClientId): void;
  opened(member: Member): void;
  ended(member: Member, ending: { readonly reason: DisconnectReason; readonly will: Will | undefined }): void;
  closed(member: Member): void;
  route(frame: PublishFrame, topic: Topic<Route<Member>>, from: Member): void;
}
