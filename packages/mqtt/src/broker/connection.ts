import type { Duplex } from 'node:stream';
import type { ClientId } from '@fleetward/core';
import type { ConnectPacket, Will } from '../codec/connect.ts';
import { FrameReader, type FrameSink } from '../codec/frame-reader.ts';
import type { ProtocolVersion } from '../codec/packet-type.ts';
import type { PublishFrame } from '../codec/publish-frame.ts';
import type { SubscribePacket } from '../codec/subscribe.ts';
import type { UnsubscribePacket } from '../codec/unsubscribe.ts';
import { REASON, type ReasonCode } from '../reason-codes.ts';
import type { ConnectionEnding, ProtocolEffects } from '../session/effects.ts';
import { keepAliveMs, ServerProtocol } from '../session/server-protocol.ts';
import type { Topic } from '../topics/topic-table.ts';
import { connectRequest } from './connect-request.ts';
import { Deliveries } from './deliveries.ts';
import { mayPublish, NO_ACCESS } from './guarded-access.ts';
import type { Access, Connection, ConnectRequest, ConnectVerdict, DisconnectOptions } from './hooks.ts';
import type { Host, Target } from './host.ts';
import { Outlet } from './outlet.ts';
import { ReadPace } from './read-pace.ts';
import { Session } from './session.ts';
import { subscribeAll, unsubscribeAll } from './subscribing.ts';
import type { Route } from './subscriptions.ts';
import type { WheelEntry } from './timer-wheel.ts';

/** One stream and its protocol, joined to the broker (`host`) and, once CONNECT was accepted, to its session. */
export class BrokerConnection<Peer>
  implements Connection<Peer>, Target, FrameSink, WheelEntry, ProtocolEffects<Route<Session<Peer>>>
{
  readonly peer: Peer;
  /** Undefined once it has closed: the owner may hold a connection longer. */
  #stream: Duplex | undefined;
  readonly #host: Host<Peer>;
  readonly #protocol: ServerProtocol<Route<Session<Peer>>>;
  readonly #reader: FrameReader;
  readonly #outlet: Outlet;
  readonly #acceptedAtMs: number;
  readonly #pace: ReadPace;
  #deliveries: Deliveries | undefined;
  #held: Buffer | undefined;
  #packetsRead = 0;
  #hasReadPacket = false;
  #lastPacketMs: number;
  /** When the packet that has not ended yet began; 0: there is none. */
  #packetSinceMs = 0;
  #pausedUntilMs = 0;
  #keepAliveMs = 0;
  #will: Will | undefined;
  #isAbrupt = false;
  clientId: ClientId | '' = '';
  connectedAtMs = 0;
  #session: Session<Peer> | undefined;
  isDirty = false;
  deadlineMs = 0;
  wheelSlot = -1;

  constructor(stream: Duplex, peer: Peer, host: Host<Peer>) {
    const nowMs = host.nowMs();
    this.peer = peer;
    this.#stream = stream;
    this.#host = host;
    this.#protocol = new ServerProtocol(this, host.protocol);
    this.#reader = new FrameReader({ packetBytesMax: host.limits.packetBytesMax });
    this.#outlet = new Outlet(stream, { pool: host.pool, written: () => this.#written() });
    this.#acceptedAtMs = nowMs;
    this.#lastPacketMs = nowMs;
    this.#pace = new ReadPace(host.limits, nowMs);
  }

  get protocolVersion(): ProtocolVersion {
    return this.#protocol.version;
  }

  get isOpen(): boolean {
    return this.#protocol.isOpen;
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
    if (this.#session !== undefined) this.#session.access = access;
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

  /** Something threw where no peer can be answered for it: it ends this connection, not the process. */
  fault(error: unknown): void {
    this.#isAbrupt = true;
    this.#host.failed(this, error);
    this.#protocol.close(REASON.unspecifiedError, { reason: 'SERVER_ERROR', sendWill: true });
    this.#stream?.destroy();
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
    const silentMs = nowMs - this.#lastPacketMs;
    if (this.#keepAliveMs > 0 && this.#pausedUntilMs === 0 && silentMs >= this.#keepAliveMs) {
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

  /** Reads again after a pause for the rate limits. */
  resumeAt(nowMs: number): boolean {
    if (nowMs < this.#pausedUntilMs) return false;
    this.#pausedUntilMs = 0;
    this.#lastPacketMs = nowMs; // what it sent meanwhile was not looked at
    if (this.#packetSinceMs !== 0) this.#packetSinceMs = nowMs;
    if (this.#protocol.mayRead) this.#stream?.resume(); // else the decision on its CONNECT does
    return true;
  }

  flush(nowMs: number): void {
    this.isDirty = false;
    this.#host.metrics.bytesSent += this.#outlet.flush(nowMs);
  }

  frame(bytes: Buffer, start: number, bodyStart: number, end: number): boolean {
    // Acknowledgements answer what we sent: their rate is ours.
    if (bytes[start]! >> 4 !== 4) this.#packetsRead++;
    this.#hasReadPacket = true;
    this.#protocol.receive(bytes, start, bodyStart, end);
    return this.#protocol.mayRead;
  }

  send(packet: Buffer): void {
    if (this.#isOverBound(packet.length)) this.cutSlowConsumer();
    else this.#outlet.outbox.share(packet);
    this.touch();
  }

  sendPuback(packetId: number): void {
    if (this.#isOverBound(4)) this.cutSlowConsumer();
    else this.#outlet.outbox.puback(packetId);
    this.touch();
  }

  connect(packet: ConnectPacket): void {
    const request = connectRequest(packet, this.#host.random);
    if (request === undefined) {
      this.#host.metrics.connectsRefused++;
      this.#host.clientIdRefused(this, packet.clientId);
      this.#protocol.refuse(REASON.clientIdentifierNotValid, { reason: 'AUTH_ERROR' });
      return;
    }
    this.#keepAliveMs = keepAliveMs(packet, this.#host.limits);
    this.#deliveries = new Deliveries(this.#outlet, { host: this.#host, packet, target: this });
    const verdict = this.#ask(request);
    if (!(verdict instanceof Promise)) {
      this.#decided(request, verdict);
      return;
    }
    this.#stream?.pause();
    verdict.then(
      (decided) => this.#decidedLater(request, decided),
      () => this.#decidedLater(request, UNDECIDED),
    );
  }

  publish(frame: PublishFrame, topic: Topic<Route<Session<Peer>>>): ReasonCode {
    const { metrics, hooks } = this.#host;
    metrics.messagesReceived++;
    if (!mayPublish(this.access, topic.text, frame.retain)) {
      metrics.publishesDenied++;
      return REASON.notAuthorized;
    }
    if (topic.isReserved && hooks.reserved !== undefined) {
      const payload = frame.bytes.subarray(frame.payloadStart, frame.end);
      if (hooks.reserved(this, { topic: topic.text, payload, qos: frame.qos === 0 ? 0 : 1 }))
        return REASON.success;
    }
    return this.#host.route(frame, topic, this);
  }

  subscribe(packet: SubscribePacket): readonly ReasonCode[] {
    return subscribeAll(packet, this.#openSession(), this.#host);
  }

  unsubscribe(packet: UnsubscribePacket): readonly ReasonCode[] {
    return unsubscribeAll(packet, this.#openSession(), this.#host);
  }

  acknowledged(packetId: number): void {
    this.#deliveries?.acknowledged(packetId);
    if (this.#session !== undefined) this.#host.retained.wake(this.#session);
  }

  end(ending: ConnectionEnding): void {
    const { wheel, limits } = this.#host;
    if (ending.reason === 'CLIENT_ERROR') this.#host.violated(this, ending.why ?? ending.reason);
    if (ending.limit !== undefined) this.#host.limited(this, ending.limit);
    this.#endStream(ending.packet);
    this.#held = undefined;
    this.#reader.clear();
    this.#deliveries = undefined;
    wheel.set(this, this.#host.nowMs() + limits.lingerMs);
    const will = ending.sendWill ? this.#will : undefined;
    this.#will = undefined;
    const session = this.#session;
    session?.detach();
    if (session !== undefined) this.#host.ended(session, { connection: this, reason: ending.reason, will });
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
      if (this.#held !== undefined) this.#held = Buffer.concat([this.#held, chunk]);
      else this.#read(chunk);
    } catch (error) {
      this.fault(error);
    }
  }

  #read(chunk: Buffer): void {
    const nowMs = this.#host.nowMs();
    this.#packetsRead = 0;
    this.#hasReadPacket = false;
    try {
      const used = this.#reader.read(chunk, this);
      if (used < chunk.length && !this.#protocol.isClosed) this.#held = chunk.subarray(used);
    } catch (error) {
      this.#protocol.fail(error);
    }
    if (this.#hasReadPacket) this.#lastPacketMs = nowMs;
    if (this.#reader.pendingBytes === 0) this.#packetSinceMs = 0;
    else if (this.#hasReadPacket || this.#packetSinceMs === 0) this.#packetSinceMs = nowMs;
    if (!this.#protocol.isClosed) this.#limitRate(chunk.length, nowMs);
  }

  #limitRate(bytes: number, nowMs: number): void {
    const pause = this.#pace.spend(this.#packetsRead, bytes, nowMs);
    if (pause === undefined) return;
    this.#stream?.pause();
    this.#host.metrics.readsPaused++;
    this.#host.limited(this, pause.limit);
    this.#pausedUntilMs = nowMs + pause.ms;
    this.#host.paused.add(this);
  }

  #ask(request: ConnectRequest): ConnectVerdict | Promise<ConnectVerdict> {
    try {
      return this.#host.hooks.connect(request, this.peer);
    } catch {
      return UNDECIDED;
    }
  }

  #decidedLater(request: ConnectRequest, verdict: ConnectVerdict): void {
    if (this.#protocol.isClosed || this.#stream?.destroyed !== false) return;
    try {
      this.#decided(request, verdict);
    } catch (error) {
      this.#host.failed(this, error);
      this.#protocol.fail(error);
    }
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined && !this.#protocol.isClosed) this.#read(held);
    if (this.#pausedUntilMs === 0) this.#stream?.resume();
  }

  #decided(request: ConnectRequest, verdict: ConnectVerdict): void {
    const { metrics } = this.#host;
    if (verdict.kind !== 'accept') {
      metrics.connectsRefused++;
      const why = verdict.why === undefined ? {} : { why: verdict.why };
      this.#protocol.refuse(verdict.reasonCode, { reason: 'AUTH_ERROR', ...why });
      return;
    }
    this.#protocol.accept({ assignedClientId: request.isClientIdAssigned ? request.clientId : undefined });
    if (this.#protocol.isOpen) this.#host.takeOver(request.clientId);
    if (!this.#protocol.isOpen) {
      metrics.connectsRefused++; // it cannot take a CONNACK
      return;
    }
    metrics.connectsAccepted++;
    this.clientId = request.clientId;
    this.connectedAtMs = this.#host.nowMs();
    this.#join(new Session({ clientId: request.clientId, access: verdict.access }));
    this.#will = request.will;
    this.#lastPacketMs = this.connectedAtMs;
    this.#watch(this.connectedAtMs);
    this.#host.opened(this);
  }

  #join(session: Session<Peer>): void {
    this.#session = session;
    if (this.#deliveries !== undefined) session.attach(this, this.#deliveries);
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
    const silenceEndsMs =
      this.#keepAliveMs === 0 ? Number.POSITIVE_INFINITY : this.#lastPacketMs + this.#keepAliveMs;
    const { stalledWriteMs, packetTimeoutMs } = this.#host.limits;
    // A packet that begins after this look is seen by the next one before its time is up.
    const packetEndsMs = (this.#packetSinceMs === 0 ? nowMs : this.#packetSinceMs) + packetTimeoutMs;
    this.#host.wheel.set(this, Math.min(silenceEndsMs, packetEndsMs, nowMs + stalledWriteMs));
  }

  #isPacketLate(nowMs: number): boolean {
    if (this.#packetSinceMs === 0 || this.#pausedUntilMs !== 0) return false;
    return nowMs - this.#packetSinceMs >= this.#host.limits.packetTimeoutMs;
  }

  #closed(): void {
    this.#lost();
    this.#stream = undefined;
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

  touch(): void {
    if (this.isDirty) return;
    this.isDirty = true;
    this.#host.flushLater(this);
  }
}

const UNDECIDED: ConnectVerdict = { kind: 'refuse', reasonCode: REASON.unspecifiedError };
