import type { Duplex } from 'node:stream';
import type { ClientId, Clock, Random } from '@fleetward/core';
import { PublishFrame } from '../codec/publish-frame.ts';
import { MqttError } from '../errors.ts';
import { REASON } from '../reason-codes.ts';
import type { ProtocolContext } from '../session/server-protocol.ts';
import type { MessageStore } from '../store/message-store.ts';
import { type Topic, TopicTable } from '../topics/topic-table.ts';
import { ChunkPool } from './chunk-pool.ts';
import { BrokerConnection } from './connection.ts';
import { ENQUEUE_ONLY } from './guarded-access.ts';
import { type Estate, Handover } from './handover.ts';
import type { Access, BrokerHooks, HeldSession, LimitName } from './hooks.ts';
import type { Ended, Host } from './host.ts';
import { Journal } from './journal.ts';
import { KeptEncoder } from './kept-encoder.ts';
import type { BrokerLimits } from './limits.ts';
import { newBrokerMetrics } from './metrics.ts';
import { OwnerPaces } from './owner-pace.ts';
import { RetainedMessages } from './retained.ts';
import { RetainedDeliveries } from './retained-deliveries.ts';
import { deliver, Routing } from './routing.ts';
import type { Session } from './session.ts';
import { type Alarm, Sessions, type SessionsHost } from './sessions.ts';
import { type QueueLimit, Shares } from './shares.ts';
import { StoredMessages } from './stored-messages.ts';
import { Submissions } from './submissions.ts';
import { type Route, Subscriptions } from './subscriptions.ts';
import { TimerWheel, type WheelEntry } from './timer-wheel.ts';
import { Wills } from './wills.ts';

/** How often the clock is looked at. */
export const TICK_MS = 250;
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
  readonly paces: OwnerPaces;
  readonly paused = new Set<Member<Peer>>();
  readonly metrics = newBrokerMetrics();
  readonly limitsReached = new Map<LimitName, number>();
  readonly journal: Journal;
  readonly shares: Shares;
  readonly messages: StoredMessages;
  readonly encoder = new KeptEncoder();
  readonly sessions: Sessions<Peer>;
  readonly routing: Routing<Peer>;
  readonly submissions: Submissions;
  readonly streams = new Set<Member<Peer>>();
  readonly byClientId = new Map<string, Member<Peer>>();
  readonly #clock: Clock;
  readonly #retained: RetainedMessages;
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
    this.paces = new OwnerPaces({ limits, now });
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
    this.routing = new Routing(this, this.#retained);
    this.submissions = new Submissions({
      journal,
      metrics,
      isOpen: () => this.#state === 'open',
      route: (message) => this.routing.submit(message),
    });
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

  limited(member: Member<Peer> | undefined, limit: LimitName): void {
    this.#countLimit(limit);
    if (member !== undefined) this.#tell(member, () => this.hooks.limited?.(member, limit));
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

  tick(nowMs: number): void {
    this.metrics.messagesExpired += this.#retained.expire(nowMs);
    this.paces.settle(nowMs);
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
    this.submissions.fail();
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

  #refuseTopic(topic: Topic<Route<Session<Peer>>>): void {
    const { topicBytesMax, topicLevelsMax } = this.limits;
    if (topic.bytes.length <= topicBytesMax && topic.levels.length <= topicLevelsMax) return;
    const message = `a topic of ${topic.bytes.length} bytes and ${topic.levels.length} levels; at most ${topicBytesMax} and ${topicLevelsMax} are accepted`;
    throw new MqttError('mqtt.quota_exceeded', message, { reasonCode: REASON.topicNameInvalid });
  }
}
