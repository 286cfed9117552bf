import type { Duplex } from 'node:stream';
import type { ClientId } from '@fleetward/core';
import type { ConnectPacket } from '../codec/connect.ts';
import { PACKET, type ProtocolVersion } from '../codec/packet-type.ts';
import type { PublishFrame } from '../codec/publish-frame.ts';
import type { SubscribePacket } from '../codec/subscribe.ts';
import type { UnsubscribePacket } from '../codec/unsubscribe.ts';
import { REASON, type ReasonCode } from '../reason-codes.ts';
import type { ConnectionEnding, ProtocolEffects } from '../session/effects.ts';
import { keepAliveMs, ServerProtocol } from '../session/server-protocol.ts';
import type { Topic } from '../topics/topic-table.ts';
import { type AnswerSink, Answers } from './answers.ts';
import { type Applicant, Connecting } from './connecting.ts';
import { nextLookMs, overdue, type Watched } from './deadlines.ts';
import { Deliveries } from './deliveries.ts';
import { NO_ACCESS } from './guarded-access.ts';
import type { Access, Connection, DisconnectOptions, SendOutcome } from './hooks.ts';
import type { Host, Target } from './host.ts';
import { HOLD, Intake, type IntakeOwner } from './intake.ts';
import type { Waiter } from './journal.ts';
import { Outlet } from './outlet.ts';
import { sendToOne } from './own-message.ts';
import { Publishing } from './publishing.ts';
import type { Pause } from './read-pace.ts';
import { readSocket } from './read-socket.ts';
import type { Session } from './session.ts';
import type { Alarm } from './sessions.ts';
import { subscribeAll, unsubscribeAll } from './subscribing.ts';
import type { Route } from './subscriptions.ts';
import type { WheelEntry } from './timer-wheel.ts';

/** One stream and its protocol, joined to the broker (`host`) and, once CONNECT was accepted, to its session. */
export class BrokerConnection<Peer>
  implements
    Connection<Peer>,
    Target,
    IntakeOwner,
    AnswerSink,
    Waiter,
    WheelEntry,
    Alarm,
    ProtocolEffects<Route<Session<Peer>>>
{
  readonly peer: Peer;
  /** Undefined once it has closed: the owner may hold a connection longer. */
  #stream: Duplex | undefined;
  readonly #host: Host<Peer>;
  readonly #protocol: ServerProtocol<Route<Session<Peer>>>;
  readonly #intake: Intake;
  readonly #outlet: Outlet;
  readonly #acceptedAtMs: number;
  readonly #answers: Answers;
  #deliveries: Deliveries | undefined;
  #publishing: Publishing<Peer> | undefined;
  #pausedUntilMs = 0;
  #keepAliveMs = 0;
  #isAbrupt = false;
  clientId: ClientId | '' = '';
  connectedAtMs = 0;
  #session: Session<Peer> | undefined;
  /** Its turn to write is coming; or it has fallen silent, and has none. */
  isDirty = false;
  #isSilent = false;
  waitsFor = 0;
  deadlineMs = 0;
  wheelSlot = -1;

  constructor(stream: Duplex, peer: Peer, host: Host<Peer>) {
    this.peer = peer;
    this.#stream = stream;
    this.#host = host;
    this.#protocol = new ServerProtocol(this, host.protocol);
    this.#intake = new Intake(stream, { owner: this, host });
    this.#outlet = new Outlet(stream, { pool: host.pool, written: () => this.#written() });
    this.#answers = new Answers(this, host.journal);
    this.#acceptedAtMs = host.nowMs();
  }

  get protocolVersion(): ProtocolVersion {
    return this.#protocol.version;
  }

  get isOpen(): boolean {
    return this.#protocol.isOpen;
  }

  get isClosed(): boolean {
    return this.#protocol.isClosed;
  }

  get subscriptions(): Iterable<string> {
    return this.#session?.filters.keys() ?? [];
  }

  get access(): Access {
    return this.#session?.access ?? NO_ACCESS;
  }

  /** Undefined until its CONNECT is accepted. */
  get session(): Session<Peer> | undefined {
    return this.#session;
  }

  replaceAccess(access: Access): void {
    this.#session?.replaceAccess(access);
  }

  sendOwn(topic: string, payload: Uint8Array, { unasked = false } = {}): SendOutcome {
    if (this.#session?.connection !== this) return 'closed';
    return sendToOne(this.#session, { topic, payload, unasked }, this.#host);
  }

  disconnect(reasonCode: ReasonCode, options: DisconnectOptions = {}): void {
    this.#isAbrupt = true;
    const { reason = 'API_INITIATED_DISCONNECT', sendWill = true } = options;
    if (this.#protocol.isClosed) this.#stream?.destroy();
    else this.#protocol.close(reasonCode, { reason, sendWill });
  }

  /** Starts reading. */
  start(stream: Duplex): void {
    readSocket(stream, (chunk) => this.#received(chunk));
    stream.on('error', () => stream.destroy());
    stream.on('end', () => this.#lost());
    stream.on('close', () => this.#closed());
    this.#host.wheel.set(this, this.#acceptedAtMs + this.#host.limits.connectTimeoutMs);
    if (stream.closed) this.#closed(); // nobody will say so again
  }

  /** A newcomer uses this client id (MQTT-3.1.4-2, MQTT5-3.1.4-3). */
  takenOver(): void {
    this.#protocol.close(REASON.sessionTakenOver, { reason: 'DUPLICATE_CLIENTID', sendWill: true });
  }

  /** Its session is owed more than it may be. */
  overflowed(): void {
    this.#isAbrupt = true;
    this.#protocol.close(REASON.quotaExceeded, { reason: 'THROTTLED', sendWill: true });
  }

  /** Something threw where no peer can be answered for it: it ends this connection, not the process. */
  fault(error: unknown): void {
    this.#isAbrupt = true;
    this.#host.failed(this, error);
    this.#protocol.close(REASON.unspecifiedError, { reason: 'SERVER_ERROR', sendWill: true });
    this.#stream?.destroy();
  }

  failed(error: unknown): void {
    this.#protocol.fail(error);
  }

  /** The look at the clock that the timer wheel calls for. */
  due(nowMs: number): void {
    const { metrics } = this.#host;
    if (this.#protocol.isClosed) {
      this.#stream?.destroy();
      return;
    }
    if (!this.#protocol.isOpen) {
      this.#connectTimedOut();
      return;
    }
    switch (overdue(this.#watched, nowMs)) {
      case 'write':
        this.cutSlowConsumer();
        return;
      case 'silence':
        metrics.keepAliveTimeouts++;
        this.#protocol.close(REASON.keepAliveTimeout, { reason: 'MQTT_KEEP_ALIVE_TIMEOUT', sendWill: true });
        return;
      case 'packet':
        this.#host.limited(this, 'packetTimeoutMs');
        this.#protocol.close(REASON.quotaExceeded, { reason: 'THROTTLED', sendWill: true });
        return;
      case undefined:
        this.#watch(nowMs);
    }
  }

  paused(pause: Pause): void {
    this.#host.metrics.readsPaused++;
    this.#host.limited(this, pause.limit);
    this.#pausedUntilMs = this.#host.nowMs() + pause.ms;
    this.#host.paused.add(this);
  }

  /** Reads again after a pause for the rate limits. */
  resumeAt(nowMs: number): boolean {
    if (nowMs < this.#pausedUntilMs) return false;
    this.#pausedUntilMs = 0;
    this.#intake.release(HOLD.rate);
    return this.#pausedUntilMs === 0;
  }

  flush(nowMs: number): void {
    this.isDirty = false;
    this.#host.metrics.bytesSent += this.#outlet.flush(nowMs);
  }

  receive(bytes: Buffer, start: number, bodyStart: number, end: number): boolean {
    this.#protocol.receive(bytes, start, bodyStart, end);
    return this.#protocol.mayRead;
  }

  send(packet: Buffer): void {
    if (this.#isOverBound(packet.length)) this.cutSlowConsumer();
    else this.#outlet.outbox.share(packet);
    this.touch();
  }

  answer(packet: Buffer, packetId: number): void {
    this.#answers.packet(packet, packetId);
    this.#heedAnswers();
  }

  acknowledge(first: number, packetId: number, reasonCode: ReasonCode): void {
    this.#answers.acknowledge(first, packetId, reasonCode);
    this.#heedAnswers();
  }

  sendPacket(packet: Buffer): void {
    this.send(packet);
  }

  sendAcknowledgement(first: number, packetId: number, reasonCode: ReasonCode): void {
    if (this.#isOverBound(5)) this.cutSlowConsumer();
    else this.#outlet.outbox.acknowledgement(first, packetId, reasonCode);
    this.touch();
  }

  sendPubrel(packetId: number): void {
    this.sendAcknowledgement((PACKET.pubrel << 4) | 0x02, packetId, REASON.success);
  }

  connect(packet: ConnectPacket): void {
    this.#keepAliveMs = keepAliveMs(packet, this.#host.limits);
    new Connecting(
      {
        connection: this,
        protocol: this.#protocol,
        intake: this.#intake,
        isGone: () => this.#stream?.destroyed !== false,
        join: (session, applicant) => this.#join(session, applicant),
        cut: () => this.#stream?.destroy(),
      },
      this.#host,
    ).decide(packet);
  }

  publish(frame: PublishFrame, topic: Topic<Route<Session<Peer>>>): ReasonCode {
    if (this.#publishing === undefined) throw noSession();
    return this.#publishing.publish(frame, topic);
  }

  subscribe(packet: SubscribePacket): readonly ReasonCode[] {
    if (this.#isInUse(packet.packetId)) return packet.subscriptions.map(() => REASON.packetIdentifierInUse);
    const reasonCodes = subscribeAll(packet, this.#openSession(), this.#host);
    this.#answerWhenKept();
    return reasonCodes;
  }

  unsubscribe(packet: UnsubscribePacket): readonly ReasonCode[] {
    if (this.#isInUse(packet.packetId)) return packet.filters.map(() => REASON.packetIdentifierInUse);
    const reasonCodes = unsubscribeAll(packet, this.#openSession(), this.#host);
    this.#answerWhenKept();
    return reasonCodes;
  }

  acknowledged(packetId: number): void {
    this.#deliveries?.acknowledged(packetId);
    this.#host.retained.wake(this.#openSession());
  }

  received(packetId: number, reasonCode: ReasonCode): ReasonCode | undefined {
    const answer = this.#deliveries?.received(packetId, reasonCode);
    this.#answerWhenKept();
    return answer;
  }

  released(packetId: number): ReasonCode {
    const wasThere = this.#openSession().released(packetId);
    if (!wasThere) this.unasked();
    this.#answerWhenKept();
    return wasThere ? REASON.success : REASON.packetIdentifierNotFound;
  }

  completed(packetId: number): void {
    this.#deliveries?.completed(packetId);
    this.#host.retained.wake(this.#openSession());
  }

  /** What it published, of that payload, goes to so many. */
  copied(count: number, payloadBytes: number): void {
    this.#intake.copied(count, payloadBytes);
  }

  unasked(): void {
    this.#intake.charge();
  }

  answered(): void {
    this.touch();
  }

  deliverMore(): void {
    try {
      this.#deliveries?.drain();
    } catch (error) {
      this.fault(error);
    }
  }

  end(ending: ConnectionEnding): void {
    const { wheel, limits } = this.#host;
    if (ending.reason === 'CLIENT_ERROR') this.#host.violated(this, ending.why ?? ending.reason);
    if (ending.limit !== undefined) this.#host.limited(this, ending.limit);
    this.#endStream(ending.packet);
    this.#intake.end();
    this.#answers.clear();
    this.#deliveries?.stop();
    this.#deliveries = undefined;
    wheel.set(this, this.#host.nowMs() + limits.lingerMs);
    const session = this.#session;
    if (session === undefined) return;
    session.detach();
    if (ending.expirySeconds !== undefined && (session.isDurable || ending.expirySeconds === 0))
      session.expirySeconds = Math.min(ending.expirySeconds, limits.sessionExpirySecondsMax);
    this.#host.ended(session, { connection: this, reason: ending.reason, sendWill: ending.sendWill });
  }

  cutSlowConsumer(): void {
    if (this.#protocol.isClosed) return;
    this.#host.metrics.slowConsumersCut++;
    this.#host.limited(this, 'outgoingBytesMax');
    this.#isAbrupt = true;
    this.#protocol.close(REASON.quotaExceeded, { reason: 'THROTTLED', sendWill: true });
  }

  limited(name: 'outgoingBytesMax' | 'pendingMessagesMax'): void {
    this.#host.limited(this, name);
  }

  /** What it is sent from here on gathers, CONNACK first, until `speakAfter`. */
  fallSilent(): void {
    this.#isSilent = true;
    this.isDirty = true; // in no list: nobody writes for it, and nothing else has to look
  }

  /** Sends what has gathered when the batch is durable. */
  speakAfter(batch: number): void {
    if (this.#host.journal.isDurable(batch)) this.durable();
    else this.#host.journal.wait(this, batch);
  }

  durable(): void {
    this.#isSilent = false;
    this.isDirty = false;
    this.touch();
  }

  touch(): void {
    if (this.isDirty) return;
    this.isDirty = true;
    this.#host.flushLater(this);
  }

  /**
   * What is being handled is answered when the session on the disk is as it left it: also where it changed nothing, as the change
   * of an earlier packet, on an earlier connection perhaps, may be on its way still, and a crash would undo it (MQTT-4.3.3-13).
   */
  #answerWhenKept(): void {
    this.#answers.batch = this.#openSession().isDurable ? this.#host.journal.lastBatch : 0;
  }

  /** What is not kept itself is answered after what is: a client must not have us remember more answers than a window holds. */
  #heedAnswers(): void {
    const { limits, journal } = this.#host;
    if (this.#answers.size > limits.inflightInMax && !journal.isDurable(journal.lastBatch))
      this.#intake.waitForDisk();
  }

  /** MQTT5-2.2.1-3; 3.1.1 has no answer that says it. */
  #isInUse(packetId: number): boolean {
    this.#answers.batch = 0; // a refusal promises nothing
    if (this.protocolVersion === 4) return false;
    return this.#openSession().hasReceived(packetId) || this.#answers.isWaiting(packetId);
  }

  /** A foreign stream may throw; the rest of the end must happen. */
  #endStream(packet: Buffer | undefined): void {
    try {
      if (this.#isSilent) this.#outlet.outbox.clear();
      const last = this.#isSilent ? undefined : packet;
      if (this.#isAbrupt) this.#outlet.abort(last);
      else this.#outlet.end(last);
      this.#stream?.resume(); // what still comes is read and dropped, so that the end is seen
    } catch (error) {
      this.#host.failed(this, error);
      this.#stream?.destroy();
    }
  }

  #received(chunk: Buffer): void {
    this.#host.metrics.bytesReceived += chunk.length;
    if (this.#protocol.isClosed) return;
    try {
      this.#intake.received(chunk);
    } catch (error) {
      this.fault(error);
    }
  }

  #join(session: Session<Peer>, { request, form }: Pick<Applicant, 'request' | 'form'>): void {
    this.clientId = request.clientId;
    this.connectedAtMs = this.#host.nowMs();
    this.#watch(this.connectedAtMs);
    this.#session = session;
    this.#intake.join(session.owner);
    this.#deliveries = new Deliveries(this.#outlet, { host: this.#host, form, target: this });
    const publisher = { connection: this, session, answers: this.#answers, intake: this.#intake };
    this.#publishing = new Publishing(publisher, this.#host);
    this.#host.sessions.leaveWill(session, this, request.will);
    session.attach(this, this.#deliveries);
  }

  #openSession(): Session<Peer> {
    if (this.#session === undefined) throw noSession();
    return this.#session;
  }

  #connectTimedOut(): void {
    this.#host.metrics.connectTimeouts++;
    this.#host.limited(this, 'connectTimeoutMs');
    this.#isAbrupt = true;
    this.#protocol.close(REASON.unspecifiedError, { reason: 'SERVER_INITIATED_DISCONNECT', sendWill: false });
  }

  #watch(nowMs: number): void {
    this.#host.wheel.set(this, nextLookMs(this.#watched, nowMs));
  }

  get #watched(): Watched {
    const { limits } = this.#host;
    return { intake: this.#intake, outlet: this.#outlet, keepAliveMs: this.#keepAliveMs, limits };
  }

  #closed(): void {
    this.#lost();
    this.#stream = undefined;
    this.#intake.letGo();
    this.#outlet.letGo();
    this.#host.closed(this);
  }

  #lost(): void {
    if (this.#protocol.isClosed) return;
    this.#isAbrupt = true;
    this.#protocol.close(REASON.unspecifiedError, { reason: 'CONNECTION_LOST', sendWill: true });
  }

  #written(): void {
    try {
      this.#deliveries?.written();
      if (this.#session !== undefined) this.#host.retained.wake(this.#session);
      if (this.#outlet.bufferedBytes > 0) this.touch();
    } catch (error) {
      this.fault(error);
    }
  }

  /** Control packets have room beyond the bound for deliveries; a peer that fills that too is cut. */
  #isOverBound(length: number): boolean {
    return this.#outlet.bufferedBytes + length > 2 * this.#host.limits.outgoingBytesMax;
  }
}

function noSession(): TypeError {
  return new TypeError('no session before its CONNECT is accepted');
}
