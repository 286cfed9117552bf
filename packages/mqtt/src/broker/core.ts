import type { Duplex } from 'node:stream';
import type { ClientId, Clock, Random } from '@fleetward/core';
import type { Will } from '../codec/connect.ts';
import { PublishFrame } from '../codec/publish-frame.ts';
import { MqttError } from '../errors.ts';
import { REASON, type ReasonCode } from '../reason-codes.ts';
import type { ProtocolContext } from '../session/server-protocol.ts';
import { type Topic, TopicTable } from '../topics/topic-table.ts';
import { ChunkPool } from './chunk-pool.ts';
import { BrokerConnection } from './connection.ts';
import { mayPublish, mayReceive } from './guarded-access.ts';
import type { BrokerHooks, LimitName } from './hooks.ts';
import type { Ended, Host } from './host.ts';
import type { BrokerLimits } from './limits.ts';
import { type MessageSource, OutgoingMessage } from './message.ts';
import { newBrokerMetrics } from './metrics.ts';
import { type RetainedLimit, RetainedMessages } from './retained.ts';
import { RetainedDeliveries } from './retained-deliveries.ts';
import type { Session } from './session.ts';
import { type Route, type Subscription, Subscriptions } from './subscriptions.ts';
import { TimerWheel } from './timer-wheel.ts';

/** How often the clock is looked at. */
export const TICK_MS = 250;
const POOLED_BYTES_MAX = 8 * 1024 * 1024;

type Member<Peer> = BrokerConnection<Peer>;

interface WillOf<Peer> {
  readonly will: Will;
  readonly member: Member<Peer>;
}

interface CoreOptions<Peer> {
  readonly limits: BrokerLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly hooks: BrokerHooks<Peer>;
}

/** What all connections share: registry, subscriptions, routing, the write at the end of each turn. */
export class BrokerCore<Peer> implements Host<Peer> {
  readonly limits: BrokerLimits;
  readonly random: Random;
  readonly hooks: BrokerHooks<Peer>;
  readonly protocol: ProtocolContext<Route<Session<Peer>>>;
  readonly pool = new ChunkPool({ pooledBytesMax: POOLED_BYTES_MAX });
  readonly wheel: TimerWheel<Member<Peer>>;
  readonly subscriptions: Subscriptions<Session<Peer>>;
  readonly retained: RetainedDeliveries<Session<Peer>>;
  readonly paused = new Set<Member<Peer>>();
  readonly metrics = newBrokerMetrics();
  readonly streams = new Set<Member<Peer>>();
  readonly byClientId = new Map<string, Member<Peer>>();
  readonly #clock: Clock;
  readonly #retained: RetainedMessages;
  readonly #message = new OutgoingMessage();
  readonly #flush = (): void => this.#flushAll();
  readonly #wills: WillOf<Peer>[] = [];
  #isPublishingWills = false;
  #dirty: Member<Peer>[] = [];
  #emptied: (() => void) | undefined;

  constructor({ limits, clock, random, hooks }: CoreOptions<Peer>) {
    this.limits = limits;
    this.random = random;
    this.hooks = hooks;
    this.#clock = clock;
    const seed = random.bytes(4).reduce((value, byte) => (value << 8) | byte, 0);
    const topics = new TopicTable<Route<Session<Peer>>>({
      seed,
      refuse: (topic) => this.#refuseTopic(topic),
    });
    this.protocol = { limits, topics, frame: new PublishFrame() };
    this.subscriptions = new Subscriptions({ levelsMax: limits.topicLevelsMax });
    const nowMs = clock.now();
    const now = (): number => clock.now();
    this.#retained = new RetainedMessages({ limits, metrics: this.metrics, nowMs });
    this.retained = new RetainedDeliveries(this.#retained, { metrics: this.metrics, now });
    this.wheel = new TimerWheel({ slotMs: TICK_MS, nowMs });
  }

  nowMs(): number {
    return this.#clock.now();
  }

  accept(stream: Duplex, peer: Peer): Member<Peer> {
    const member = new BrokerConnection(stream, peer, this);
    const isFull = this.streams.size >= this.limits.connectionsMax;
    this.streams.add(member);
    this.metrics.connections = this.streams.size;
    member.start(stream);
    if (isFull) {
      this.metrics.connectionsOverLimit++;
      this.limited(member, 'connectionsMax');
      member.disconnect(REASON.serverBusy);
    }
    return member;
  }

  limited(member: Member<Peer>, limit: LimitName): void {
    this.#tell(member, () => this.hooks.limited?.(member, limit));
  }

  clientIdRefused(member: Member<Peer>, clientId: string): void {
    this.#tell(member, () => this.hooks.clientIdRefused?.(member, clientId));
  }

  violated(member: Member<Peer>, why: string): void {
    this.metrics.protocolErrors++;
    this.#tell(member, () => this.hooks.violated?.(member, why));
  }

  failed(member: Member<Peer>, error: unknown): void {
    this.metrics.faults++;
    try {
      this.hooks.failed?.(member, error);
    } catch {
      // There is nobody left to tell.
    }
  }

  takeOver(clientId: ClientId): void {
    const previous = this.byClientId.get(clientId);
    if (previous === undefined) return;
    this.metrics.takeovers++;
    previous.takenOver();
  }

  opened(member: Member<Peer>): void {
    this.byClientId.set(member.clientId, member);
    this.#contain(member, () => this.hooks.connected?.(member));
  }

  ended(session: Session<Peer>, { connection: member, reason, will }: Ended<Peer>): void {
    if (this.byClientId.get(member.clientId) === member) this.byClientId.delete(member.clientId);
    for (const filter of session.filters.keys()) this.subscriptions.delete(filter, session);
    session.filters.clear();
    this.retained.forget(session);
    this.metrics.subscriptions = this.subscriptions.size;
    this.paused.delete(member);
    if (will !== undefined) this.#wills.push({ will, member });
    this.#publishWills();
    this.#tell(member, () => this.hooks.disconnected?.(member, reason));
  }

  closed(member: Member<Peer>): void {
    this.wheel.delete(member);
    this.paused.delete(member);
    this.streams.delete(member);
    this.metrics.connections = this.streams.size;
    if (this.streams.size === 0) this.#emptied?.();
  }

  /** Resolves when the last stream has closed. */
  emptied(): Promise<void> {
    if (this.streams.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#emptied = resolve;
    });
  }

  route(frame: PublishFrame, topic: Topic<Route<Session<Peer>>>, from: Member<Peer>): ReasonCode {
    const message = this.#message;
    message.setFrame(frame, topic.bytes);
    const reached = frame.retain ? this.#retain(message, topic.text) : undefined;
    if (reached !== undefined) {
      this.limited(from, reached);
      if (frame.qos > 0) return REASON.quotaExceeded; // acknowledged would mean kept (MQTT-3.3.1-5)
    }
    if (this.hooks.published !== undefined) this.#tellPublished(frame, topic.text, from);
    const route = this.subscriptions.route(topic);
    this.#send(message, topic.text, { route, from });
    return REASON.success;
  }

  /** Keeps the message, or with no payload forgets the one there is; returns the limit that leaves no room. */
  #retain(message: OutgoingMessage, topic: string): RetainedLimit | undefined {
    if (message.payloadBytes === 0) {
      this.#retained.delete(topic); // MQTT-3.3.1-10, -11; MQTT5-3.3.1-6, -7
      return undefined;
    }
    const expirySeconds = message.properties.messageExpiryInterval;
    const expiresAtMs = expirySeconds === undefined ? 0 : this.nowMs() + expirySeconds * 1000;
    const packet = message.retainedPacket();
    const reached = this.#retained.set({ topic, packet, qos: message.qos, expiresAtMs });
    if (reached !== undefined) this.metrics.retainedRefused++;
    return reached;
  }

  #tellPublished(frame: PublishFrame, topic: string, from: Member<Peer>): void {
    const payload = frame.bytes.subarray(frame.payloadStart, frame.end);
    this.hooks.published?.(from, { topic, payload, qos: frame.qos === 0 ? 0 : 1 });
  }

  /**
   * Routes a message that did not come in as a packet, and keeps it if there is room (MQTT-3.3.1-5). A message object of its
   * own: this may run inside `route`.
   */
  publish(text: string, source: Omit<MessageSource, 'topicBytes'>): number {
    const topic = this.protocol.topics.fromText(text);
    const message = new OutgoingMessage();
    message.setSource({ ...source, topicBytes: topic.bytes });
    if (source.retain) this.#retain(message, topic.text);
    return this.#send(message, topic.text, { route: this.subscriptions.route(topic), from: undefined });
  }

  tick(nowMs: number): void {
    this.#retained.expire(nowMs, () => this.metrics.messagesExpired++);
    this.wheel.advance(nowMs, (member) => this.#contain(member, () => member.due(nowMs)));
    for (const member of this.paused) {
      this.#contain(member, () => {
        if (member.resumeAt(nowMs)) this.paused.delete(member);
      });
    }
  }

  flushLater(member: Member<Peer>): void {
    if (this.#dirty.length === 0) setImmediate(this.#flush);
    this.#dirty.push(member);
  }

  #flushAll(): void {
    const nowMs = this.nowMs();
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const member of dirty) {
      try {
        member.flush(nowMs);
      } catch (error) {
        member.fault(error);
      }
    }
  }

  /** What a timer does for one connection is that connection's alone to pay for. */
  #contain(member: Member<Peer>, action: () => void): void {
    try {
      action();
    } catch (error) {
      member.fault(error);
    }
  }

  /** A hook that only listens does not stop what it is told of. */
  #tell(member: Member<Peer>, hook: () => void): void {
    try {
      hook();
    } catch (error) {
      this.failed(member, error);
    }
  }

  #send(
    message: OutgoingMessage,
    topic: string,
    { route, from }: { readonly route: Route<Session<Peer>>; readonly from: Member<Peer> | undefined },
  ): number {
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
      if (!mayReceive(subscription.subscriber.access, topic)) this.metrics.messagesWithheld++;
      else if (deliver(message, subscription)) deliveries++;
    }
    for (let index = 0; index < groups.length; index++) {
      const chosen = groups[index]!.choose(topic);
      if (chosen === undefined) this.metrics.messagesWithheld++;
      else if (deliver(message, chosen)) deliveries++;
    }
    return deliveries;
  }

  /** One after the other: a will may cut a slow consumer that has a will, and so on; that must not recurse. */
  #publishWills(): void {
    if (this.#isPublishingWills) return;
    this.#isPublishingWills = true;
    for (let index = 0; index < this.#wills.length; index++) this.#publishOrDeny(this.#wills[index]!);
    this.#wills.length = 0;
    this.#isPublishingWills = false;
  }

  /** Never throws: it runs while a connection ends. */
  #publishOrDeny({ will, member }: WillOf<Peer>): void {
    try {
      if (this.#mayPublishWill(will, member)) this.#publishWill(will, member);
      else this.metrics.willsDenied++;
    } catch (error) {
      this.metrics.willsDenied++;
      this.failed(member, error);
    }
  }

  /** Decided now: the policy may have changed since CONNECT. What `reserved` dealt with is not routed. */
  #mayPublishWill(will: Will, member: Member<Peer>): boolean {
    if (!mayPublish(member.access, will.topic, will.retain)) return false;
    const { topic, payload, qos } = will;
    if (!topic.startsWith('$') || this.hooks.reserved === undefined) return true;
    return !this.hooks.reserved(member, { topic, payload, qos: qos === 0 ? 0 : 1 });
  }

  #publishWill(will: Will, member: Member<Peer>): void {
    const { topic, payload } = will;
    this.hooks.published?.(member, { topic, payload, qos: will.qos === 0 ? 0 : 1 });
    const bytes = Buffer.from(will.payload);
    this.publish(will.topic, {
      bytes,
      payloadStart: 0,
      payloadEnd: bytes.length,
      qos: will.qos === 0 ? 0 : 1,
      retain: will.retain, // MQTT-3.1.2-16, -17; MQTT5-3.1.2-14, -15
      properties: will.properties,
    });
    this.metrics.willsPublished++;
  }

  #refuseTopic(topic: Topic<Route<Session<Peer>>>): void {
    const { topicBytesMax, topicLevelsMax } = this.limits;
    if (topic.bytes.length <= topicBytesMax && topic.levels.length <= topicLevelsMax) return;
    const message = `a topic of ${topic.bytes.length} bytes and ${topic.levels.length} levels; at most ${topicBytesMax} and ${topicLevelsMax} are accepted`;
    throw new MqttError('mqtt.quota_exceeded', message, { reasonCode: REASON.topicNameInvalid });
  }
}

function deliver<Peer>(message: OutgoingMessage, subscription: Subscription<Session<Peer>>): boolean {
  const { subscriber, qos, retainAsPublished, identifiers } = subscription;
  message.retain = message.wasRetained && retainAsPublished; // MQTT-3.3.1-9; MQTT5-3.3.1-12, -13
  return subscriber.deliver(message, Math.min(qos, message.qos), identifiers); // MQTT-3.8.4-6; MQTT5-3.8.4-8, -4.8.2-3
}
