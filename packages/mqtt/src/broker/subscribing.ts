import type { SubscribePacket, SubscriptionRequest } from '../codec/subscribe.ts';
import type { UnsubscribePacket } from '../codec/unsubscribe.ts';
import { REASON, type ReasonCode } from '../reason-codes.ts';
import { countLevels, isSharedFilter, parseSharedFilter } from '../topics/names.ts';
import { subscribeDenial } from './guarded-access.ts';
import type { LimitName } from './hooks.ts';
import type { Host } from './host.ts';
import { filterBytes, type Session } from './session.ts';
import type { Subscription } from './subscriptions.ts';

/** Subscribes one session to each filter it may have; one reason code a filter (MQTT-3.8.4-5). */
export function subscribeAll<Peer>(
  packet: SubscribePacket,
  session: Session<Peer>,
  host: Host<Peer>,
): readonly ReasonCode[] {
  const identifiers = packet.properties.subscriptionIdentifiers ?? [];
  const attempt: Attempt<Peer> = { session, host, reached: undefined, isDiskFull: false };
  const reasonCodes = packet.subscriptions.map((request) => {
    const refused = problemWith(request.filter, attempt);
    if (refused !== undefined) return refused;
    const { qos, noLocal, retainAsPublished } = request;
    subscribe(request, { subscriber: session, qos, noLocal, retainAsPublished, identifiers }, host);
    return qos;
  });
  const { connection } = session;
  if (attempt.reached !== undefined && connection !== undefined) host.limited(connection, attempt.reached);
  if (attempt.isDiskFull && connection !== undefined) host.refusedByDisk(connection);
  return reasonCodes;
}

interface Attempt<Peer> {
  readonly session: Session<Peer>;
  readonly host: Host<Peer>;
  /** The last limit that refused a filter. */
  reached: LimitName | undefined;
  isDiskFull: boolean;
}

function problemWith<Peer>(filter: string, attempt: Attempt<Peer>): ReasonCode | undefined {
  const { session, host } = attempt;
  const { limits, metrics } = host;
  if (countLevels(parseSharedFilter(filter)?.filter ?? filter) > limits.topicLevelsMax) {
    attempt.reached = 'topicLevelsMax';
    return REASON.topicFilterInvalid;
  }
  if (Buffer.byteLength(filter) > limits.topicBytesMax) {
    attempt.reached = 'topicBytesMax';
    return REASON.topicFilterInvalid;
  }
  const denial = subscribeDenial(session.access, filter);
  if (denial !== undefined) {
    metrics.subscriptionsDenied++;
    return denial;
  }
  if (session.isDurable && host.journal.isStalled) {
    attempt.isDiskFull = true;
    return REASON.quotaExceeded;
  }
  if (session.filters.has(filter)) return undefined;
  const reached =
    session.filters.size < limits.subscriptionsMax
      ? session.canStore(filterBytes(filter))
      : 'subscriptionsMax';
  if (reached === undefined) return undefined;
  attempt.reached = reached;
  return REASON.quotaExceeded;
}

function subscribe<Peer>(
  { filter, retainHandling }: SubscriptionRequest,
  subscription: Subscription<Session<Peer>>,
  host: Host<Peer>,
): void {
  const { subscriber } = subscription;
  const isNew = subscriber.setFilter(filter, subscription);
  host.subscriptions.set(filter, subscription);
  host.metrics.subscriptions = host.subscriptions.size;
  if (subscriber.isDurable) {
    const { qos, noLocal, retainAsPublished, identifiers } = subscription;
    const stored = { session: subscriber.number, filter, qos, noLocal, retainAsPublished };
    host.journal.write({ kind: 'subscription', ...stored, identifier: identifiers[0] ?? 0 }, filter.length);
  }
  if (subscriber.connection !== undefined) host.hooks.subscribed?.(subscriber.connection, filter);
  // MQTT5-3.3.1-9 to -11; 3.1.1 is always sent them (MQTT-3.8.4-3)
  if (isSharedFilter(filter)) return; // MQTT 5 section 4.8.2: whose turn would it be?
  if (retainHandling === 0 || (retainHandling === 1 && isNew))
    host.retained.start(subscriber, filter, subscription);
}

/** One reason code a filter, also for those that were not there (MQTT5-3.11.3-2). */
export function unsubscribeAll<Peer>(
  packet: UnsubscribePacket,
  session: Session<Peer>,
  host: Host<Peer>,
): readonly ReasonCode[] {
  return packet.filters.map((filter) => {
    if (!session.deleteFilter(filter)) return REASON.noSubscriptionExisted;
    host.subscriptions.delete(filter, session);
    host.retained.stop(session, filter);
    if (session.isDurable)
      host.journal.write({ kind: 'subscription-gone', session: session.number, filter }, filter.length);
    host.metrics.subscriptions = host.subscriptions.size;
    if (session.connection !== undefined) host.hooks.unsubscribed?.(session.connection, filter);
    return REASON.success;
  });
}
