import type { Duplex } from 'node:stream';
import type { ClientId } from '@fleetward/core';
import type { ConnectPacket } from '../codec/connect.ts';
import { PACKET, type ProtocolVersion } from '../codec/packet-type.ts';
import type { PublishFrame } from '../codec/publish-frame.ts';
import type { SubscribePacket } from '../codec/subscribe.ts';
import type { UnsubscribePacket } from '../codec/unsubscribe.ts';
import { protocolError } from '../errors.ts';
import { isFailure, REASON, type ReasonCode } from '../reason-codes.ts';
import { grantedExpirySeconds } from '../session/connect-rules.ts';
import type { ConnectionEnding, ProtocolEffects } from '../session/effects.ts';
import { keepAliveMs, ServerProtocol } from '../session/server-protocol.ts';
import type { Topic } from '../topics/topic-table.ts';
import { type AnswerSink, Answers } from './answers.ts';
import { type ClientForm, clientForm } from './client-form.ts';
import { connectRequest } from './connect-request.ts';
import { Deliveries } from './deliveries.ts';
import { mayPublish, NO_ACCESS } from './guarded-access.ts';
import type { Access, Connection, ConnectRequest, ConnectVerdict, DisconnectOptions } from './hooks.ts';
import type { Host, Target } from './host.ts';
import { HOLD, Intake, type IntakeOwner } from './intake.ts';
import { Outlet } from './outlet.ts';
import type { Pause } from './read-pace.ts';
import type { Session } from './session.ts';
import type { Alarm } from './sessions.ts';
import { subscribeAll, unsubscribeAll } from './subscribing.ts';
import type { Route } from './subscriptions.ts';
import type { WheelEntry } from './timer-wheel.ts';

/** What a CONNECT said that the decision on it needs. */
interface Applicant {
  readonly request: ConnectRequest;
  readonly form: ClientForm;
  readonly expirySeconds: number;
}

/** One stream and its protocol, joined to the broker (`host`) and, once CONNECT was accepted, to its session. */
export class BrokerConnection<Peer>
  implements
    Connection<Peer>,
    Target,
    IntakeOwner,
    AnswerSink,
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
  #deliveries: Deliveries | undefined;
  #answers: Answers | undefined;
  /** The batch that must be durable before what is being handled is answered; 0: none. */
  #batch = 0;
  /** Messages with QoS 1 and 2 that are not acknowledged yet. */
  #unacknowledged = 0;
  #pausedUntilMs = 0;
  #keepAliveMs = 0;
  #isAbrupt = false;
  clientId: ClientId | '' = '';
  connectedAtMs = 0;
  #session: Session<Peer> | undefined;
  isDirty = false;
  deadlineMs = 0;
  wheelSlot = -1;

  constructor(stream: Duplex, peer: Peer, host: Host<Peer>) {
    this.peer = peer;
    this.#stream = stream;
    this.#host = host;
    this.#protocol = new ServerProtocol(this, host.protocol);
    this.#intake = new Intake(stream, { owner: this, host });
    this.#outlet = new Outlet(stream, { pool: host.pool, written: () => this.#written() });
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

  disconnect(reasonCode: ReasonCode, options: DisconnectOptions = {}): void {
    this.#isAbrupt = true;
    const { reason = 'API_INITIATED_DISCONNECT', sendWill = true } = options;
    if (this.#protocol.isClosed) this.#stream?.destroy();
    else this.#protocol.close(reasonCode, { reason, sendWill });
  }

  /** Starts reading. */
  start(stream: Duplex): void {
    stream.on('data', (chunk: Buffer) => this.#received(chunk));
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
    const { limits, metrics } = this.#host;
    if (this.#protocol.isClosed) {
      this.#stream?.destroy();
      return;
    }
    if (!this.#protocol.isOpen) {
      this.#connectTimedOut();
      return;
    }
    if (this.#outlet.stalledMs(nowMs) >= limits.stalledWriteMs) {
      this.cutSlowConsumer();
      return;
    }
    const silentMs = nowMs - this.#intake.lastPacketMs;
    if (this.#keepAliveMs > 0 && !this.#intake.isHeld && silentMs >= this.#keepAliveMs) {
      metrics.keepAliveTimeouts++;
      this.#protocol.close(REASON.keepAliveTimeout, { reason: 'MQTT_KEEP_ALIVE_TIMEOUT', sendWill: true });
      return;
    }
    if (this.#isPacketLate(nowMs)) {
      this.#host.limited(this, 'packetTimeoutMs');
      this.#protocol.close(REASON.quotaExceeded, { reason: 'THROTTLED', sendWill: true });
      return;
    }
    this.#watch(nowMs);
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

  answer(packet: Buffer): void {
    this.#openAnswers().packet(this.#batch, packet);
  }

  acknowledge(first: number, packetId: number, reasonCode: ReasonCode): void {
    this.#openAnswers().acknowledge(this.#batch, first, packetId, reasonCode);
  }

  sendPacket(packet: Buffer): void {
    this.send(packet);
  }

  sendAcknowledgement(first: number, packetId: number, reasonCode: ReasonCode): void {
    if (this.#isOverBound(5)) this.cutSlowConsumer();
    else this.#outlet.outbox.acknowledgement(first, packetId, reasonCode);
    if (isLast(first, reasonCode) && this.#unacknowledged > 0) this.#unacknowledged--;
    this.touch();
  }

  sendPubrel(packetId: number): void {
    this.sendAcknowledgement((PACKET.pubrel << 4) | 0x02, packetId, REASON.success);
  }

  connect(packet: ConnectPacket): void {
    const { limits } = this.#host;
    const request = connectRequest(packet, this.#host.random);
    if (request === undefined) {
      this.#host.metrics.connectsRefused++;
      this.#host.clientIdRefused(this, packet.clientId);
      this.#protocol.refuse(REASON.clientIdentifierNotValid, { reason: 'AUTH_ERROR' });
      return;
    }
    this.#keepAliveMs = keepAliveMs(packet, limits);
    const expirySeconds = grantedExpirySeconds(packet, limits);
    const applicant = { request, expirySeconds, form: clientForm(packet, limits) };
    const verdict = this.#ask(request);
    if (!(verdict instanceof Promise)) {
      this.#decided(applicant, verdict);
      return;
    }
    this.#intake.hold(HOLD.deciding);
    verdict.then(
      (decided) => this.#decidedLater(applicant, decided),
      () => this.#decidedLater(applicant, UNDECIDED),
    );
  }

  publish(frame: PublishFrame, topic: Topic<Route<Session<Peer>>>): ReasonCode {
    const { metrics, journal } = this.#host;
    metrics.messagesReceived++;
    const { writes } = journal;
    const reasonCode = frame.qos === 0 ? this.#route(frame, topic) : this.#routeOnce(frame, topic);
    if (journal.writes !== writes) this.#heedDisk();
    return reasonCode;
  }

  subscribe(packet: SubscribePacket): readonly ReasonCode[] {
    const { writes } = this.#host.journal;
    const reasonCodes = subscribeAll(packet, this.#openSession(), this.#host);
    this.#mustBeDurableSince(writes);
    return reasonCodes;
  }

  unsubscribe(packet: UnsubscribePacket): readonly ReasonCode[] {
    const { writes } = this.#host.journal;
    const reasonCodes = unsubscribeAll(packet, this.#openSession(), this.#host);
    this.#mustBeDurableSince(writes);
    return reasonCodes;
  }

  acknowledged(packetId: number): void {
    this.#deliveries?.acknowledged(packetId);
    this.#host.retained.wake(this.#openSession());
  }

  received(packetId: number, reasonCode: ReasonCode): ReasonCode | undefined {
    const { writes } = this.#host.journal;
    const answer = this.#deliveries?.received(packetId, reasonCode);
    this.#mustBeDurableSince(writes);
    return answer;
  }

  released(packetId: number): ReasonCode {
    const { writes } = this.#host.journal;
    const wasThere = this.#openSession().released(packetId);
    if (!wasThere) this.unasked();
    this.#mustBeDurableSince(writes);
    return wasThere ? REASON.success : REASON.packetIdentifierNotFound;
  }

  completed(packetId: number): void {
    this.#deliveries?.completed(packetId);
    this.#host.retained.wake(this.#openSession());
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
    this.#answers?.clear();
    this.#deliveries?.stop();
    this.#deliveries = undefined;
    wheel.set(this, this.#host.nowMs() + limits.lingerMs);
    const session = this.#session;
    if (session === undefined) return;
    session.detach();
    if (ending.expirySeconds !== undefined)
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

  touch(): void {
    if (this.isDirty) return;
    this.isDirty = true;
    this.#host.flushLater(this);
  }

  #routeOnce(frame: PublishFrame, topic: Topic<Route<Session<Peer>>>): ReasonCode {
    const { journal, limits } = this.#host;
    const session = this.#openSession();
    this.#unacknowledged++;
    if (this.#unacknowledged > limits.inflightInMax && this.protocolVersion === 5)
      throw protocolError('more than Receive Maximum messages at once', REASON.receiveMaximumExceeded); // MQTT5-3.3.4-7
    // MQTT-4.3.3-2: not routed again, and not acknowledged before what it was the first time is durable.
    this.#batch = journal.lastBatch;
    if (session.hasReceived(frame.packetId))
      return frame.qos === 2 ? REASON.success : REASON.packetIdentifierInUse;
    const { writes } = journal;
    const reasonCode = this.#route(frame, topic);
    if (frame.qos === 2 && !isFailure(reasonCode)) session.received(frame.packetId);
    this.#mustBeDurableSince(writes);
    return reasonCode;
  }

  #route(frame: PublishFrame, topic: Topic<Route<Session<Peer>>>): ReasonCode {
    const { metrics, hooks } = this.#host;
    if (!mayPublish(this.access, topic.text, frame.retain)) {
      metrics.publishesDenied++;
      return REASON.notAuthorized;
    }
    if (topic.isReserved && hooks.reserved !== undefined) {
      const payload = frame.bytes.subarray(frame.payloadStart, frame.end);
      const qos = frame.qos === 0 ? 0 : frame.qos === 1 ? 1 : 2;
      if (hooks.reserved(this, { topic: topic.text, payload, qos })) return REASON.success;
    }
    return this.#host.route(frame, topic, this);
  }

  #mustBeDurableSince(writes: number): void {
    const { journal } = this.#host;
    this.#batch = journal.writes === writes ? 0 : journal.lastBatch;
  }

  /** What it sends takes longer to be kept than to come: backpressure, never loss. */
  #heedDisk(): void {
    const waiting = this.#answers?.size ?? 0;
    if (this.#host.journal.isFull || waiting > this.#host.limits.inflightInMax) this.#intake.waitForDisk();
  }

  #openAnswers(): Answers {
    this.#answers ??= new Answers(this, this.#host.journal);
    return this.#answers;
  }

  /** A foreign stream may throw; the rest of the end must happen. */
  #endStream(packet: Buffer | undefined): void {
    try {
      if (this.#isAbrupt) this.#outlet.abort(packet);
      else this.#outlet.end(packet);
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

  #ask(request: ConnectRequest): ConnectVerdict | Promise<ConnectVerdict> {
    try {
      return this.#host.hooks.connect(request, this.peer);
    } catch {
      return UNDECIDED;
    }
  }

  #decidedLater(applicant: Applicant, verdict: ConnectVerdict): void {
    if (this.#protocol.isClosed || this.#stream?.destroyed !== false) return;
    try {
      this.#decided(applicant, verdict);
    } catch (error) {
      this.#host.failed(this, error);
      this.#protocol.fail(error);
    }
    try {
      this.#intake.release(HOLD.deciding);
    } catch (error) {
      this.fault(error);
    }
  }

  #decided(applicant: Applicant, verdict: ConnectVerdict): void {
    const { metrics, sessions } = this.#host;
    if (verdict.kind !== 'accept') {
      metrics.connectsRefused++;
      const why = verdict.why === undefined ? {} : { why: verdict.why };
      this.#protocol.refuse(verdict.reasonCode, { reason: 'AUTH_ERROR', ...why });
      return;
    }
    const { request, expirySeconds, form } = applicant;
    const { access, owner = '', principal = '', epoch = 0 } = verdict;
    const claimant = { request, owner, expirySeconds };
    if (!sessions.hasRoomFor(claimant)) {
      metrics.connectsRefused++;
      this.#host.limited(this, 'sessionsMax');
      this.#protocol.refuse(REASON.quotaExceeded, { reason: 'THROTTLED' });
      return;
    }
    const known = sessions.resumable(claimant);
    const assignedClientId = request.isClientIdAssigned ? request.clientId : undefined;
    this.#protocol.accept({ assignedClientId, sessionPresent: known !== undefined });
    if (this.#protocol.isOpen) this.#host.takeOver(request.clientId);
    if (!this.#protocol.isOpen || known?.isEnded === true) {
      metrics.connectsRefused++; // it cannot take a CONNACK, or was told of a session that its predecessor's end ended
      if (this.#protocol.isOpen) this.#stream?.destroy();
      return;
    }
    metrics.connectsAccepted++;
    this.clientId = request.clientId;
    this.connectedAtMs = this.#host.nowMs();
    this.#watch(this.connectedAtMs);
    const fields = { clientId: request.clientId, owner, principal, epoch, expirySeconds, access };
    if (known !== undefined) sessions.resume(known, fields);
    this.#join(known ?? sessions.begin(fields), { request, form });
    this.#host.opened(this);
  }

  #join(session: Session<Peer>, { request, form }: Pick<Applicant, 'request' | 'form'>): void {
    this.#session = session;
    this.#deliveries = new Deliveries(this.#outlet, { host: this.#host, form, target: this });
    this.#host.sessions.leaveWill(session, this, request.will);
    session.attach(this, this.#deliveries);
  }

  #openSession(): Session<Peer> {
    if (this.#session === undefined) throw new TypeError('no session before its CONNECT is accepted');
    return this.#session;
  }

  #connectTimedOut(): void {
    this.#host.metrics.connectTimeouts++;
    this.#host.limited(this, 'connectTimeoutMs');
    this.#isAbrupt = true;
    this.#protocol.close(REASON.unspecifiedError, { reason: 'SERVER_INITIATED_DISCONNECT', sendWill: false });
  }

  #watch(nowMs: number): void {
    const { lastPacketMs, packetSinceMs } = this.#intake;
    const silenceEndsMs =
      this.#keepAliveMs === 0 ? Number.POSITIVE_INFINITY : lastPacketMs + this.#keepAliveMs;
    const { stalledWriteMs, packetTimeoutMs } = this.#host.limits;
    // A packet that begins after this look is seen by the next one before its time is up.
    const packetEndsMs = (packetSinceMs === 0 ? nowMs : packetSinceMs) + packetTimeoutMs;
    this.#host.wheel.set(this, Math.min(silenceEndsMs, packetEndsMs, nowMs + stalledWriteMs));
  }

  #isPacketLate(nowMs: number): boolean {
    const { packetSinceMs, isHeld } = this.#intake;
    if (packetSinceMs === 0 || isHeld) return false;
    return nowMs - packetSinceMs >= this.#host.limits.packetTimeoutMs;
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

/** The last answer to a message of the client, which makes room in its window (MQTT 5 section 4.9). */
function isLast(first: number, reasonCode: ReasonCode): boolean {
  const type = first >> 4;
  return (
    type === PACKET.puback || type === PACKET.pubcomp || (type === PACKET.pubrec && isFailure(reasonCode))
  );
}

const UNDECIDED: ConnectVerdict = { kind: 'refuse', reasonCode: REASON.unspecifiedError };
