import type { Duplex } from 'node:stream';
import type { ClientId, Clock, Random } from '@fleetward/core';
import { NO_PROPERTIES } from '../codec/properties.ts';
import { PublishFrame } from '../codec/publish-frame.ts';
import { MqttError } from '../errors.ts';
import { REASON, type ReasonCode } from '../reason-codes.ts';
import type { ProtocolContext } from '../session/server-protocol.ts';
import type { MessageStore } from '../store/message-store.ts';
import { type Topic, TopicTable } from '../topics/topic-table.ts';
import { ChunkPool } from './chunk-pool.ts';
import { BrokerConnection } from './connection.ts';
import { ENQUEUE_ONLY, mayReceive } from './guarded-access.ts';
import { type Estate, Handover } from './handover.ts';
import type {
  Access,
  BrokerHooks,
  ForwardedMessage,
  HeldSession,
  LimitName,
  PublishedMessage,
} from './hooks.ts';
import type { Ended, Host } from './host.ts';
import { Journal } from './journal.ts';
import { KeptEncoder } from './kept-encoder.ts';
import type { BrokerLimits } from './limits.ts';
import { OutgoingMessage } from './message.ts';
import { newBrokerMetrics } from './metrics.ts';
import { RetainedMessages } from './retained.ts';
import { RetainedDeliveries } from './retained-deliveries.ts';
import type { Session } from './session.ts';
import { type Alarm, Sessions, type SessionsHost } from './sessions.ts';
import type { SharedGroup } from './shared-group.ts';
import { type QueueLimit, Shares } from './shares.ts';
import { StoredMessages } from './stored-messages.ts';
import { type Route, type Subscription, Subscriptions } from './subscriptions.ts';
import { TimerWheel, type WheelEntry } from './timer-wheel.ts';
import { Wills } from './wills.ts';

/** How often the clock is looked at. */
export const TICK_MS = 250;
/** As many others: a member is chosen for it, and one client may have hundreds of shares that all match. */
const SHARED_COPY = 8;
const POOLED_BYTES_MAX = 8 * 1024 * 1024;

type Member<Peer> = BrokerConnection<Peer>;

interface CoreOptions<Peer> {
  readonly limits: BrokerLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly hooks: BrokerHooks<Peer>;
  readonly store: MessageStore | undefined;
}

/** What all connections share: registry, subscriptions, routing, the write at the end of each turn. */
export class BrokerCore<Peer> implements Host<Peer>, SessionsHost<Peer> {
  readonly limits: BrokerLimits;
  readonly random: Random;
  readonly hooks: BrokerHooks<Peer>;
  readonly protocol: ProtocolContext<Route<Session<Peer>>>;
  readonly pool = new ChunkPool({ pooledBytesMax: POOLED_BYTES_MAX });
  readonly wheel: TimerWheel<WheelEntry & Alarm>;
  readonly subscriptions: Subscriptions<Session<Peer>>;
  readonly retained: RetainedDeliveries<Session<Peer>>;
  readonly paused = new Set<Member<Peer>>();
  readonly metrics = newBrokerMetrics();
  readonly limitsReached = new Map<LimitName, number>();
  readonly journal: Journal;
  readonly shares: Shares;
  readonly messages: StoredMessages;
  readonly encoder = new KeptEncoder();
  readonly sessions: Sessions<Peer>;
  readonly streams = new Set<Member<Peer>>();
  readonly byClientId = new Map<string, Member<Peer>>();
  readonly #clock: Clock;
  readonly #retained: RetainedMessages;
  readonly #message = new OutgoingMessage();
  readonly #flush = (): void => this.#flushAll();
  readonly #wills: Wills<Peer>;
  readonly #handover: Handover<Peer>;
  readonly #store: MessageStore | undefined;
  #state: 'loading' | 'open' | 'closing' | 'failed';
  #dirty: Member<Peer>[] = [];
  #emptied: (() => void) | undefined;

  constructor({ limits, clock, random, hooks, store }: CoreOptions<Peer>) {
    this.limits = limits;
    this.random = random;
    this.hooks = hooks;
    this.#clock = clock;
    this.#store = store;
    this.#state = store === undefined ? 'open' : 'loading';
    const seed = random.bytes(4).reduce((value, byte) => (value << 8) | byte, 0);
    const topics = new TopicTable<Route<Session<Peer>>>({
      seed,
      refuse: (topic) => this.#refuseTopic(topic),
    });
    this.protocol = { limits, topics, frame: new PublishFrame() };
    this.subscriptions = new Subscriptions({
      levelsMax: limits.topicLevelsMax,
      ...(hooks.sharedMembers && {
        groupSized: (filter, members) => this.#tell(undefined, () => hooks.sharedMembers?.(filter, members)),
      }),
    });
    const nowMs = clock.now();
    const now = (): number => clock.now();
    this.wheel = new TimerWheel({ slotMs: TICK_MS, nowMs });
    const { metrics } = this;
    this.journal = new Journal({
      store,
      limits,
      metrics,
      failed: (error) => this.#storeFailed(error),
      stalled: (isStalled) => this.#diskFull(isStalled),
    });
    this.shares = new Shares({ limits, metrics });
    const { journal, shares } = this;
    this.#retained = new RetainedMessages({ limits, metrics, journal, shares, nowMs });
    this.retained = new RetainedDeliveries(this.#retained, { metrics, now });
    this.messages = new StoredMessages({ journal: this.journal, limits, metrics });
    this.sessions = new Sessions(this);
    this.#wills = new Wills(this);
    const { subscriptions } = this;
    this.#handover = new Handover({
      metrics,
      journal,
      isOpen: () => this.#state === 'open',
      nowMs: now,
      topic: (text) => topics.fromText(text),
      routeOf: (topic) => subscriptions.route(topic),
      deliver,
      giveAway: (message, shareName) => hooks.orphaned?.(message, shareName) === true,
      failed: (error) => this.failed(undefined, error),
    });
  }

  nowMs(): number {
    return this.#clock.now();
  }

  /** Takes up what the last run left; called once, before the first connection. */
  async start(): Promise<void> {
    if (this.#store === undefined) return;
    const state = await this.#store.load();
    if (this.#state !== 'loading') return;
    this.#state = 'open';
    for (const retained of state.retained) this.#retained.restore(retained);
    this.sessions.load(state, (session) => this.#accessOf(session));
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
    if (this.#state !== 'open') member.disconnect(REASON.serverShuttingDown);
    return member;
  }

  limited(member: Member<Peer>, limit: LimitName): void {
    this.#countLimit(limit);
    this.#tell(member, () => this.hooks.limited?.(member, limit));
  }

  refusedByDisk(member: Member<Peer>): void {
    this.#tell(member, () => this.hooks.refusedByDisk?.(member));
  }

  #countLimit(limit: LimitName): void {
    this.limitsReached.set(limit, (this.limitsReached.get(limit) ?? 0) + 1);
  }

  clientIdRefused(member: Member<Peer>, clientId: string): void {
    this.#tell(member, () => this.hooks.clientIdRefused?.(member, clientId));
  }

  violated(member: Member<Peer>, why: string): void {
    this.metrics.protocolErrors++;
    this.#tell(member, () => this.hooks.violated?.(member, why));
  }

  failed(member: Member<Peer> | undefined, error: unknown): void {
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
    if (member.session !== undefined) this.retained.wake(member.session); // it may be owed some since an earlier connection
    this.#contain(member, () => this.hooks.connected?.(member));
  }

  ended(session: Session<Peer>, { connection: member, reason, sendWill }: Ended<Peer>): void {
    if (this.byClientId.get(member.clientId) === member) this.byClientId.delete(member.clientId);
    this.paused.delete(member);
    const isLast = this.#state === 'closing' || this.#state === 'failed';
    this.sessions.left(session, isLast ? 'later' : sendWill ? 'after-delay' : 'never');
    this.#tell(member, () => this.hooks.disconnected?.(member, reason));
  }

  willDue(session: Session<Peer>): void {
    const { will } = session;
    if (will === undefined) return;
    session.replaceWill(undefined);
    if (session.isDurable && !session.isEnded)
      this.journal.write({ kind: 'will-gone', session: session.number });
    this.#wills.publish(will, session);
  }

  /** Not while everybody is sent away: each message would go round all members, and what is in the store is there in the next run. */
  handOn(estate: Estate): void {
    if (this.#state === 'open') this.#handover.give(estate);
  }

  forgotten(session: Session<Peer>): void {
    this.retained.forget(session);
  }

  due(session: Session<Peer>, nowMs: number): void {
    this.sessions.due(session, nowMs);
  }

  overflowed(session: Session<Peer>, limit: QueueLimit): void {
    this.metrics.sessionsDropped++;
    this.#countLimit(limit);
    this.#tell(session.connection, () => this.hooks.sessionDropped?.(session, limit));
    const { connection } = session;
    session.expirySeconds = 0;
    if (connection === undefined) this.sessions.end(session);
    else connection.overflowed();
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

  /** Nobody comes in any more. */
  beginClosing(): void {
    this.#state = 'closing';
  }

  route(frame: PublishFrame, topic: Topic<Route<Session<Peer>>>, from: Member<Peer>): ReasonCode {
    const message = this.#message;
    const route = this.subscriptions.route(topic);
    if (frame.qos > 0 && this.#isRefused(frame, route, from)) return REASON.quotaExceeded;
    message.setFrame(frame, topic.bytes);
    const reached = frame.retain
      ? this.#retained.keep(message, topic.text, { nowMs: this.nowMs(), owner: from.session?.owner ?? '' })
      : undefined;
    if (reached !== undefined) {
      this.limited(from, reached);
      if (frame.qos > 0) return REASON.quotaExceeded; // acknowledged would mean kept (MQTT-3.3.1-5)
      this.#retained.delete(topic.text); // MQTT-3.3.1-7: it is routed, so the one before is not the last any more
    }
    const elsewhere = this.hooks.published && this.#tellPublished(frame, topic.text, from);
    this.#send(message, topic.text, { route, from, elsewhere });
    const copies = route.subscriptions.length + SHARED_COPY * route.groups.length;
    from.copied(copies, frame.end - frame.payloadStart);
    return REASON.success;
  }

  /** Whether there is no room to keep what an acknowledgement would promise to keep; it is told and counted. */
  #isRefused(frame: PublishFrame, route: Route<Session<Peer>>, from: Member<Peer>): boolean {
    const { isStalled } = this.journal;
    const full = this.messages.fullBy;
    if (!isStalled && full === undefined) return false;
    const isToBeKept = route.subscriptions.some(isKept) || route.groups.some(mayBeKept);
    if (isStalled && (isToBeKept || frame.retain)) this.refusedByDisk(from);
    else if (full !== undefined && isToBeKept) this.limited(from, full);
    else return false;
    this.metrics.publishesRefused++;
    return true;
  }

  #tellPublished(frame: PublishFrame, topic: string, from: Member<Peer>): ReadonlySet<string> | undefined {
    const payload = frame.bytes.subarray(frame.payloadStart, frame.end);
    const qos = frame.qos === 0 ? 0 : frame.qos === 1 ? 1 : 2;
    const { retain, properties } = frame;
    const owner = from.session?.owner ?? '';
    return this.hooks.published?.(from, { topic, payload, qos, retain, properties, owner });
  }

  /** Routes a will, and keeps it if there is room (MQTT-3.3.1-5). */
  publish(message: PublishedMessage, from: Member<Peer> | undefined): void {
    const elsewhere = this.hooks.published?.(from, message);
    const { outgoing, topic } = this.#take(message, from);
    this.#send(outgoing, topic.text, { route: this.subscriptions.route(topic), from: undefined, elsewhere });
  }

  /** Sends the platform's own message; returns to how many it was handed. */
  publishOwn(message: Pick<PublishedMessage, 'topic' | 'payload' | 'qos'>): number {
    const { outgoing, topic } = this.#take({
      ...message,
      retain: false,
      properties: NO_PROPERTIES,
      owner: '',
    });
    return this.#send(outgoing, topic.text, {
      route: this.subscriptions.route(topic),
      from: undefined,
      elsewhere: undefined,
    });
  }

  /** Takes what another broker forwards; answers with those of its shared subscriptions whose members here cannot have it. */
  receive({ shares, isForAll, ...message }: ForwardedMessage): readonly string[] {
    const { outgoing, topic } = this.#take(message);
    const { subscriptions, groups } = this.subscriptions.route(topic);
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
  #take({ topic: text, payload, qos, retain, properties, owner }: PublishedMessage, from?: Member<Peer>) {
    const topic = this.protocol.topics.fromText(text);
    const outgoing = new OutgoingMessage();
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    const range = { bytes, payloadStart: 0, payloadEnd: bytes.length };
    outgoing.setSource({ topicBytes: topic.bytes, ...range, qos, retain, properties });
    const reached = retain
      ? this.#retained.keep(outgoing, topic.text, { nowMs: this.nowMs(), owner })
      : undefined;
    if (reached !== undefined) {
      this.#retained.delete(topic.text);
      if (from !== undefined) this.limited(from, reached);
    }
    return { outgoing, topic };
  }

  tick(nowMs: number): void {
    this.metrics.messagesExpired += this.#retained.expire(nowMs);
    this.wheel.advance(nowMs, (entry) => this.#alarm(entry, nowMs));
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

  #alarm(entry: Alarm, nowMs: number): void {
    if (entry instanceof BrokerConnection) {
      this.#contain(entry, () => entry.due(nowMs));
      return;
    }
    try {
      entry.due(nowMs);
    } catch (error) {
      this.failed(undefined, error);
    }
  }

  #accessOf(session: HeldSession): Access {
    try {
      return this.hooks.accessOf?.(session) ?? ENQUEUE_ONLY;
    } catch (error) {
      this.failed(undefined, error);
      return ENQUEUE_ONLY;
    }
  }

  #diskFull(isFull: boolean): void {
    this.metrics.diskFull = isFull ? 1 : 0;
    this.#tell(undefined, () => this.hooks.diskFull?.(isFull));
  }

  /** What is durable is not known: nothing may be acknowledged any more. */
  #storeFailed(error: unknown): void {
    this.#state = 'failed';
    for (const member of this.streams) member.disconnect(REASON.serverShuttingDown, { sendWill: false });
    this.#tell(undefined, () => this.hooks.storeFailed?.(error));
  }

  /** A hook that only listens does not stop what it is told of. */
  #tell(member: Member<Peer> | undefined, hook: () => void): void {
    try {
      hook();
    } catch (error) {
      this.failed(member, error);
    }
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
      if (!mayReceive(subscription.subscriber.access, topic)) this.metrics.messagesWithheld++;
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
    if (chosen === undefined) this.metrics.messagesWithheld++;
    const isDelivered = chosen !== undefined && deliver(message, chosen);
    message.shareName = undefined;
    return isDelivered;
  }

  #refuseTopic(topic: Topic<Route<Session<Peer>>>): void {
    const { topicBytesMax, topicLevelsMax } = this.limits;
    if (topic.bytes.length <= topicBytesMax && topic.levels.length <= topicLevelsMax) return;
    const message = `a topic of ${topic.bytes.length} bytes and ${topic.levels.length} levels; at most ${topicBytesMax} and ${topicLevelsMax} are accepted`;
    throw new MqttError('mqtt.quota_exceeded', message, { reasonCode: REASON.topicNameInvalid });
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

function deliver<Peer>(message: OutgoingMessage, subscription: Subscription<Session<Peer>>): boolean {
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
