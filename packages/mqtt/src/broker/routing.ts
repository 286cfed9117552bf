import { NO_PROPERTIES } from '../codec/properties.ts';
import type { PublishFrame } from '../codec/publish-frame.ts';
import { REASON, type ReasonCode } from '../reason-codes.ts';
import type { Topic, TopicTable } from '../topics/topic-table.ts';
import type { BrokerConnection } from './connection.ts';
import { mayReceive } from './guarded-access.ts';
import type { BrokerHooks, ForwardedMessage, LimitName, PublishedMessage, SubmitOutcome } from './hooks.ts';
import type { Journal } from './journal.ts';
import { OutgoingMessage } from './message.ts';
import type { BrokerMetrics } from './metrics.ts';
import type { RetainedMessages } from './retained.ts';
import type { Session } from './session.ts';
import type { SharedGroup } from './shared-group.ts';
import type { StoredMessages } from './stored-messages.ts';
import type { Route, Subscription, Subscriptions } from './subscriptions.ts';

/** As many others: a member is chosen for it, and one client may have hundreds of shares that all match. */
const SHARED_COPY = 8;

type Member<Peer> = BrokerConnection<Peer>;

/** What routing needs of the broker. */
interface RoutingHost<Peer> {
  readonly hooks: BrokerHooks<Peer>;
  readonly metrics: BrokerMetrics;
  readonly journal: Journal;
  readonly messages: StoredMessages;
  readonly subscriptions: Subscriptions<Session<Peer>>;
  readonly protocol: { readonly topics: TopicTable<Route<Session<Peer>>> };
  nowMs(): number;
  limited(member: Member<Peer> | undefined, limit: LimitName): void;
  refusedByDisk(member: Member<Peer>): void;
}

/** From a message to everybody who gets it: kept if it is retained, told to other brokers, delivered, and charged to who sent it. */
export class Routing<Peer> {
  readonly #host: RoutingHost<Peer>;
  readonly #retained: RetainedMessages;
  /** Filled anew for each packet. */
  readonly #message = new OutgoingMessage();

  constructor(host: RoutingHost<Peer>, retained: RetainedMessages) {
    this.#host = host;
    this.#retained = retained;
  }

  /** Keeps it if it is to be retained, and routes it. A failure: it was refused and not routed. */
  route(frame: PublishFrame, topic: Topic<Route<Session<Peer>>>, from: Member<Peer>): ReasonCode {
    const message = this.#message;
    const route = this.#host.subscriptions.route(topic);
    if (frame.qos > 0 && this.#isRefused(frame, route, from)) return REASON.quotaExceeded;
    message.setFrame(frame, topic.bytes);
    const reached = frame.retain
      ? this.#retained.keep(message, topic.text, {
          nowMs: this.#host.nowMs(),
          owner: from.session?.owner ?? '',
        })
      : undefined;
    if (reached !== undefined) {
      this.#host.limited(from, reached);
      if (frame.qos > 0) return REASON.quotaExceeded; // acknowledged would mean kept (MQTT-3.3.1-5)
      this.#retained.delete(topic.text); // MQTT-3.3.1-7: it is routed, so the one before is not the last any more
    }
    const elsewhere = this.#host.hooks.published && this.#tellPublished(frame, topic.text, from);
    this.#send(message, topic.text, { route, from, elsewhere });
    const copies = route.subscriptions.length + SHARED_COPY * route.groups.length;
    from.copied(copies, frame.end - frame.payloadStart);
    return REASON.success;
  }

  /** Whether there is no room to keep what an acknowledgement would promise to keep; it is told and counted. */
  #isRefused(frame: PublishFrame, route: Route<Session<Peer>>, from: Member<Peer>): boolean {
    const full = this.#fullFor(route, frame.retain);
    if (full === undefined) return false;
    if (full === 'disk') this.#host.refusedByDisk(from);
    else this.#host.limited(from, full);
    this.#host.metrics.publishesRefused++;
    return true;
  }

  /** What leaves no room for a message with QoS 1 or 2. */
  #fullFor(route: Route<Session<Peer>>, retain: boolean): LimitName | 'disk' | undefined {
    const { isStalled } = this.#host.journal;
    const full = this.#host.messages.fullBy;
    if (!isStalled && full === undefined) return undefined;
    const isToBeKept = route.subscriptions.some(isKept) || route.groups.some(mayBeKept);
    if (isStalled && (isToBeKept || retain)) return 'disk';
    return isToBeKept ? full : undefined;
  }

  #tellPublished(frame: PublishFrame, topic: string, from: Member<Peer>): ReadonlySet<string> | undefined {
    const payload = frame.bytes.subarray(frame.payloadStart, frame.end);
    const qos = frame.qos === 0 ? 0 : frame.qos === 1 ? 1 : 2;
    const { retain, properties } = frame;
    const owner = from.session?.owner ?? '';
    return this.#host.hooks.published?.(from, { topic, payload, qos, retain, properties, owner });
  }

  /** As `route`, for a message that came by another protocol: whoever brought it is told of a limit by the answer. */
  submit(message: PublishedMessage): SubmitOutcome {
    const topic = this.#host.protocol.topics.fromText(message.topic);
    const route = this.#host.subscriptions.route(topic);
    if (this.#host.journal.isFull) return this.#refuse('uncommittedBytesMax');
    const full = message.qos > 0 ? this.#fullFor(route, message.retain) : undefined;
    if (full !== undefined) return this.#refuse(full);
    const { outgoing } = this.#outgoing(message);
    const reached = this.#keep(outgoing, message);
    if (reached !== undefined) {
      if (message.qos > 0) return this.#refuse(reached); // as in `route`
      this.#host.limited(undefined, reached);
      this.#retained.delete(topic.text);
    }
    const elsewhere = this.#host.hooks.published?.(undefined, message);
    this.#send(outgoing, topic.text, { route, from: undefined, elsewhere });
    return { kind: 'taken', copies: route.subscriptions.length + SHARED_COPY * route.groups.length };
  }

  #refuse(limit: LimitName | 'disk'): SubmitOutcome {
    this.#host.metrics.publishesRefused++;
    if (limit !== 'disk') this.#host.limited(undefined, limit);
    return { kind: 'refused', limit };
  }

  /** Routes a will, and keeps it if there is room (MQTT-3.3.1-5). */
  publish(message: PublishedMessage, from: Member<Peer> | undefined): void {
    const elsewhere = this.#host.hooks.published?.(from, message);
    const { outgoing, topic } = this.#take(message, from);
    this.#send(outgoing, topic.text, {
      route: this.#host.subscriptions.route(topic),
      from: undefined,
      elsewhere,
    });
  }

  /** Whether what is published there now would go to anybody, or to other brokers. */
  isAwaited(topic: string): boolean {
    return this.#host.hooks.published !== undefined || this.#host.subscriptions.reaches(topic);
  }

  /** Sends the platform's own message; returns to how many it was handed here. */
  publishOwn(own: Pick<PublishedMessage, 'topic' | 'payload' | 'qos'>): number {
    const message = { ...own, retain: false, properties: NO_PROPERTIES, owner: '' };
    const { outgoing, topic } = this.#take(message);
    const elsewhere = this.#host.hooks.published?.(undefined, message);
    return this.#send(outgoing, topic.text, {
      route: this.#host.subscriptions.route(topic),
      from: undefined,
      elsewhere,
    });
  }

  /** Takes what another broker forwards; answers with those of its shared subscriptions whose members here cannot have it. */
  receive({ shares, isForAll, ...message }: ForwardedMessage): readonly string[] {
    const { outgoing, topic } = this.#take(message);
    const { subscriptions, groups } = this.#host.subscriptions.route(topic);
    if (isForAll) {
      const route = { subscriptions, groups: NO_GROUPS };
      this.#send(outgoing, topic.text, { route, from: undefined, elsewhere: undefined });
    }
    outgoing.isForOne = false;
    return shares.filter((share) => {
      const group = groups.find(({ filter }) => filter === share);
      return group === undefined || !this.#sendShared(outgoing, topic.text, group);
    });
  }

  /** What did not come in as a packet. A message object of its own: this may run inside `route`. */
  #outgoing({ topic: text, payload, qos, retain, properties }: PublishedMessage) {
    const topic = this.#host.protocol.topics.fromText(text);
    const outgoing = new OutgoingMessage();
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    const range = { bytes, payloadStart: 0, payloadEnd: bytes.length };
    outgoing.setSource({ topicBytes: topic.bytes, ...range, qos, retain, properties });
    return { outgoing, topic };
  }

  /** The limit that left no room for what was to be retained. */
  #keep(outgoing: OutgoingMessage, { topic, retain, owner }: PublishedMessage) {
    return retain ? this.#retained.keep(outgoing, topic, { nowMs: this.#host.nowMs(), owner }) : undefined;
  }

  #take(message: PublishedMessage, from?: Member<Peer>) {
    const { outgoing, topic } = this.#outgoing(message);
    const reached = this.#keep(outgoing, message);
    if (reached !== undefined) {
      this.#retained.delete(topic.text);
      if (from !== undefined) this.#host.limited(from, reached);
    }
    return { outgoing, topic };
  }

  #send(message: OutgoingMessage, topic: string, { route, from, elsewhere }: Way<Peer>): number {
    let deliveries = 0;
    const { subscriptions, groups } = route;
    const own = from?.session;
    message.isForOne = subscriptions.length + groups.length === 1;
    for (let index = 0; index < subscriptions.length; index++) {
      let subscription = subscriptions[index]!;
      if (subscription.subscriber === own) {
        if (subscription.noLocal) continue; // MQTT5-3.8.3-3
        subscription = subscription.forOwn ?? subscription;
      }
      if (!mayReceive(subscription.subscriber.access, topic)) this.#host.metrics.messagesWithheld++;
      else if (deliver(message, subscription)) deliveries++;
    }
    for (let index = 0; index < groups.length; index++) {
      const group = groups[index]!;
      if (elsewhere?.has(group.filter) === true) continue;
      if (this.#sendShared(message, topic, group)) deliveries++;
    }
    return deliveries;
  }

  #sendShared(message: OutgoingMessage, topic: string, group: SharedGroup<Session<Peer>>): boolean {
    const chosen = group.choose(topic);
    message.shareName = group.shareName;
    if (chosen === undefined) this.#host.metrics.messagesWithheld++;
    const isDelivered = chosen !== undefined && deliver(message, chosen);
    message.shareName = undefined;
    return isDelivered;
  }
}

const NO_GROUPS: readonly never[] = [];

/** Where a message goes. */
interface Way<Peer> {
  readonly route: Route<Session<Peer>>;
  /** Not by a filter of its own that is no-local. */
  readonly from: Member<Peer> | undefined;
  /** The shared subscriptions of which another broker's member gets it. */
  readonly elsewhere: ReadonlySet<string> | undefined;
}

/** To one subscription, as it asked for it. */
export function deliver<Peer>(message: OutgoingMessage, subscription: Subscription<Session<Peer>>): boolean {
  const { subscriber, qos, retainAsPublished, identifiers } = subscription;
  message.retain = message.wasRetained && retainAsPublished; // MQTT-3.3.1-9; MQTT5-3.3.1-12, -13
  return subscriber.deliver(message, Math.min(qos, message.qos), identifiers); // MQTT-3.8.4-6; MQTT5-3.8.4-8, -4.8.2-3
}

/** Whether a message with QoS 1 or 2 would have to be kept for the subscriber. */
function isKept({ subscriber, qos }: Subscription<{ readonly isDurable: boolean }>): boolean {
  return qos > 0 && subscriber.isDurable;
}

/** The same for one that any member may get. */
function mayBeKept<Peer>(group: SharedGroup<Session<Peer>>): boolean {
  return group.some(isKept);
}
