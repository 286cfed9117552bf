import type { SubscribePacket, SubscriptionRequest } from '../codec/subscribe.ts';
import type { UnsubscribePacket } from '../codec/unsubscribe.ts';
import { REASON, type ReasonCode } from '../reason-codes.ts';
import { countLevels, isSharedFilter } from '../topics/names.ts';
import type { BrokerConnection } from './connection.ts';
import { maySubscribe } from './guarded-access.ts';
import type { LimitName } from './hooks.ts';
import type { Host } from './host.ts';
import type { Subscription } from './subscriptions.ts';

/** Subscribes one connection to each filter it may have; one reason code a filter (MQTT-3.8.4-5). */
export function subscribeAll<Peer>(
  packet: SubscribePacket,
  connection: BrokerConnection<Peer>,
  host: Host<Peer, BrokerConnection<Peer>>,
): readonly ReasonCode[] {
  const identifiers = packet.properties.subscriptionIdentifiers ?? [];
  const attempt: Attempt<Peer> = { connection, host, reached: undefined };
  const reasonCodes = packet.subscriptions.map((request) => {
    const refused = problemWith(request.filter, attempt);
    if (refused !== undefined) return refused;
    const qos = request.qos === 0 ? 0 : 1; // at most the QoS on offer (MQTT-3.8.4-6)
    subscribe(request, { subscriber: connection, qos, noLocal: request.noLocal, identifiers }, host);
    return qos;
  });
  if (attempt.reached !== undefined) host.limited(connection, attempt.reached);
  return reasonCodes;
}

interface Attempt<Peer> {
  readonly connection: BrokerConnection<Peer>;
  readonly host: Host<Peer, BrokerConnection<Peer>>;
  /** The last limit that refused a filter. */
  reached: LimitName | undefined;
}

function problemWith<Peer>(filter: string, attempt: Attempt<Peer>): ReasonCode | undefined {
  const { connection, host } = attempt;
  const { limits, metrics } = host;
  if (isSharedFilter(filter)) return REASON.sharedSubscriptionsNotSupported;
  if (countLevels(filter) > limits.topicLevelsMax) {
    attempt.reached = 'topicLevelsMax';
    return REASON.topicFilterInvalid;
  }
  if (Buffer.byteLength(filter) > limits.topicBytesMax) {
    attempt.reached = 'topicBytesMax';
    return REASON.topicFilterInvalid;
  }
  if (!maySubscribe(connection.access, filter)) {
    metrics.subscriptionsDenied++;
    return REASON.notAuthorized;
  }
  if (connection.filters.size < limits.subscriptionsMax || connection.filters.has(filter)) return undefined;
  attempt.reached = 'subscriptionsMax';
  return REASON.quotaExceeded;
}

function subscribe<Peer>(
  { filter }: SubscriptionRequest,
  subscription: Subscription<BrokerConnection<Peer>>,
  host: Host<Peer, BrokerConnection<Peer>>,
): void {
  subscription.subscriber.filters.set(filter, subscription);
  host.subscriptions.set(filter, subscription);
  host.metrics.subscriptions = host.subscriptions.size;
  host.hooks.subscribed?.(subscription.subscriber, filter);
}

/** One reason code a filter, also for those that were not there (MQTT5-3.11.3-2). */
export function unsubscribeAll<Peer>(
  packet: UnsubscribePacket,
  connection: BrokerConnection<Peer>,
  host: Host<Peer, BrokerConnection<Peer>>,
): readonly ReasonCode[] {
  return packet.filters.map((filter) => {
    if (!connection.filters.delete(filter)) return REASON.noSubscriptionExisted;
    host.subscriptions.delete(filter, connection);
    host.metrics.subscriptions = host.subscriptions.size;
    host.hooks.unsubscribed?.(connection, filter);
    return REASON.success;
  });
}
