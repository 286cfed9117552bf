import { encodeConnack } from '../codec/connack.ts';
import { type ConnectPacket, decodeConnect } from '../codec/connect.ts';
import { type DisconnectPacket, disconnectReason, encodeDisconnect } from '../codec/disconnect.ts';
import { assertShortestLength } from '../codec/frame-reader.ts';
import { decodePacket } from '../codec/packet.ts';
import { PACKET, type ProtocolVersion } from '../codec/packet-type.ts';
import { encodePingresp } from '../codec/pingresp.ts';
import { NO_PROPERTIES, type Properties } from '../codec/properties.ts';
import { assertTopicGiven, type PublishFrame, readPublish } from '../codec/publish-frame.ts';
import { encodeSuback } from '../codec/suback.ts';
import type { SubscribePacket } from '../codec/subscribe.ts';
import { encodeUnsuback } from '../codec/unsuback.ts';
import type { UnsubscribePacket } from '../codec/unsubscribe.ts';
import { WireReader } from '../codec/wire-reader.ts';
import { MqttError, protocolError } from '../errors.ts';
import { connackReturnCode311, isFailure, REASON, type ReasonCode } from '../reason-codes.ts';
import { INTERNED_BYTES_MAX, type Topic, type TopicTable } from '../topics/topic-table.ts';
import {
  asksForPersistence,
  connackProperties,
  connectProblem,
  type Granted,
  grantedKeepAliveSeconds,
  type SessionLimits,
} from './connect-rules.ts';
import type { ConnectionEnding, DisconnectReason, ProtocolEffects } from './effects.ts';
import { TopicAliases } from './topic-aliases.ts';

export interface ProtocolContext<Route> {
  readonly limits: SessionLimits;
  readonly topics: TopicTable<Route>;
  /** Shared by all connections of one thread: filled for each PUBLISH. */
  readonly frame: PublishFrame;
}

type Phase = 'awaiting-connect' | 'deciding' | 'open' | 'closed';

const PINGRESP = encodePingresp();
/** The CONNACKs of 3.1.1 that accept, without and with a session: there are no others. */
const [CONNACK_NEW, CONNACK_PRESENT] = [false, true].map((sessionPresent) =>
  encodeConnack({ kind: 'connack', sessionPresent, reasonCode: 0, properties: NO_PROPERTIES }, 4),
) as [Buffer, Buffer];
const PUBACK = PACKET.puback << 4;
const PUBREC = PACKET.pubrec << 4;
const PUBREL = (PACKET.pubrel << 4) | 0x02; // MQTT-3.6.1-1
const PUBCOMP = PACKET.pubcomp << 4;
const REASON_CHARS_MAX = 256;
const TOO_LARGE_FOR_IT = 'an answer is larger than the Maximum Packet Size of the client';

/** The server's side of one connection, without I/O: packets in, effects out. Errors of the peer end it with the right answer. */
export class ServerProtocol<Route> {
  readonly #effects: ProtocolEffects<Route>;
  readonly #context: ProtocolContext<Route>;
  #phase: Phase = 'awaiting-connect';
  #version: ProtocolVersion = 4;
  #connect: ConnectPacket | undefined;
  #aliases: TopicAliases<Route> | undefined;
  #lastTopic: Topic<Route> | undefined;
  #askedForPersistence = false;
  /** The client's Maximum Packet Size. */
  #clientBytesMax = Number.POSITIVE_INFINITY;

  constructor(effects: ProtocolEffects<Route>, context: ProtocolContext<Route>) {
    this.#effects = effects;
    this.#context = context;
  }

  get isOpen(): boolean {
    return this.#phase === 'open';
  }

  get isClosed(): boolean {
    return this.#phase === 'closed';
  }

  /** False while a CONNECT is being decided and after the end: hold further packets back. */
  get mayRead(): boolean {
    return this.#phase === 'open' || this.#phase === 'awaiting-connect';
  }

  get version(): ProtocolVersion {
    return this.#version;
  }

  /** Handles one whole packet. Whatever the peer did wrong ends it; nothing of it is thrown. */
  receive(bytes: Buffer, start: number, bodyStart: number, end: number): void {
    try {
      if (this.#phase === 'open') this.#receiveOpen(bytes, start, bodyStart, end);
      else if (this.#phase === 'awaiting-connect') this.#receiveConnect(bytes, start, bodyStart, end);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Ends the connection for an error of the peer; any other error is ours and also ends it. */
  fail(error: unknown): void {
    const known = error instanceof MqttError ? error : undefined;
    const reasonCode = known?.reasonCode ?? REASON.unspecifiedError;
    const why = known === undefined ? {} : { why: known.message };
    if (this.#phase === 'open') {
      // Not a SUBACK with a refusal for each filter: that costs as much as the attack, and 3.1.1 has no UNSUBACK that refuses.
      const limit =
        known?.code === 'mqtt.too_many_filters' ? ({ limit: 'filtersPerSubscribeMax' } as const) : {};
      this.close(reasonCode, { reason: disconnectReasonOf(known), sendWill: true, ...limit, ...why });
      return;
    }
    // Before CONNACK only a version we do not speak is told (MQTT-3.1.2-2); the rest is not MQTT to us.
    const unsupported = known?.code === 'mqtt.unsupported_version';
    const packet = unsupported
      ? encodeConnack({ kind: 'connack', sessionPresent: false, reasonCode: 1, properties: NO_PROPERTIES }, 4)
      : undefined;
    this.#end({
      reason: disconnectReasonOf(known),
      sendWill: false,
      ...why,
      ...(packet === undefined ? {} : { packet }),
    });
  }

  /** Answers the CONNECT being decided with success. */
  accept(granted: Granted): void {
    if (this.#phase !== 'deciding' || this.#connect === undefined) return;
    const packet = this.#acceptance(this.#connect, granted);
    if (packet.length > this.#clientBytesMax) {
      this.#end({ reason: 'CLIENT_ERROR', sendWill: false, why: TOO_LARGE_FOR_IT });
      return;
    }
    this.#phase = 'open';
    this.#connect = undefined; // holds a password
    this.#effects.send(packet);
  }

  /** Answers the CONNECT being decided with a refusal and closes (MQTT-3.2.2-5). */
  refuse(
    reasonCode: ReasonCode,
    options: { readonly reason: DisconnectReason; readonly why?: string },
  ): void {
    if (this.#phase !== 'deciding') return;
    const code = this.#version === 5 ? reasonCode : connackReturnCode311(reasonCode);
    const packet = code === undefined ? undefined : this.#refusal(code, options.why);
    const why = options.why ?? `the CONNECT cannot be served: reason code 0x${reasonCode.toString(16)}`;
    this.#end({ reason: options.reason, sendWill: false, why, ...(packet === undefined ? {} : { packet }) });
  }

  #acceptance(connect: ConnectPacket, granted: Granted): Buffer {
    const { sessionPresent } = granted;
    if (this.#version === 4) return sessionPresent ? CONNACK_PRESENT : CONNACK_NEW;
    const properties = connackProperties(connect, this.#context.limits, granted);
    return encodeConnack({ kind: 'connack', sessionPresent, reasonCode: 0, properties }, 5);
  }

  /** The reason string is left out when the client cannot take it (MQTT5-3.14.2-3). */
  #goodbye(reasonCode: ReasonCode, why: string | undefined): Buffer {
    const plain = encodeDisconnect(disconnect(reasonCode, NO_PROPERTIES), 5);
    if (why === undefined) return plain;
    const reasonString = why.replace(/[^\x20-\x7e]/g, '?').slice(0, REASON_CHARS_MAX);
    const packet = encodeDisconnect(disconnect(reasonCode, { reasonString }), 5);
    return packet.length <= this.#clientBytesMax ? packet : plain;
  }

  /** The reason string is left out when the client cannot take it (MQTT5-3.2.2-19), then the packet (MQTT5-3.1.2-24). */
  #refusal(reasonCode: ReasonCode, why: string | undefined): Buffer | undefined {
    const reasons =
      why === undefined ? [NO_PROPERTIES] : [{ reasonString: why.slice(0, REASON_CHARS_MAX) }, NO_PROPERTIES];
    return reasons
      .map((properties) =>
        encodeConnack({ kind: 'connack', sessionPresent: false, reasonCode, properties }, this.#version),
      )
      .find(({ length }) => length <= this.#clientBytesMax);
  }

  /**
   * Sends what must be answered; when it is above the client's Maximum Packet Size the connection ends instead (MQTT5-3.1.2-24).
   * All other packets are smaller than the CONNACK that fitted.
   */
  #answer(packet: Buffer, packetId: number): void {
    if (packet.length <= this.#clientBytesMax) this.#effects.answer(packet, packetId);
    else this.close(REASON.packetTooLarge, { reason: 'CLIENT_ERROR', sendWill: true, why: TOO_LARGE_FOR_IT });
  }

  /** Ends an open connection from this side; MQTT 5 is told why (MQTT5-3.14.0-1). */
  close(reasonCode: ReasonCode, options: Omit<ConnectionEnding, 'packet'>): void {
    if (this.#phase === 'closed') return;
    const tell = this.#version === 5 && this.#phase === 'open';
    const packet = tell ? this.#goodbye(disconnectReason(reasonCode), options.why) : undefined;
    this.#end({ ...options, ...(packet === undefined ? {} : { packet }) });
  }

  #receiveConnect(bytes: Buffer, start: number, bodyStart: number, end: number): void {
    if (bytes[start]! >> 4 !== PACKET.connect) throw protocolError('the first packet is not CONNECT'); // MQTT-3.1.0-1
    const packet = decodeConnect(bytes[start]!, new WireReader(bytes, bodyStart, end));
    if (packet.protocolVersion === 5) assertShortestLength(start, bodyStart, end);
    this.#version = packet.protocolVersion;
    this.#connect = packet;
    this.#askedForPersistence = asksForPersistence(packet);
    this.#clientBytesMax = packet.properties.maximumPacketSize ?? Number.POSITIVE_INFINITY;
    this.#phase = 'deciding';
    const problem = connectProblem(packet, this.#context.limits);
    if (problem !== undefined) this.refuse(problem, { reason: 'CLIENT_ERROR' });
    else this.#effects.connect(packet);
  }

  #receiveOpen(bytes: Buffer, start: number, bodyStart: number, end: number): void {
    if (bytes[start]! >> 4 === PACKET.publish) {
      if (this.#version === 5 && bodyStart - start > 2) assertShortestLength(start, bodyStart, end);
      const frame = this.#context.frame;
      readPublish(frame, bytes, start, bodyStart, end, this.#version);
      this.#receivePublish(frame);
      return;
    }
    const filtersMax = this.#context.limits.filtersPerSubscribeMax;
    const packet = decodePacket(bytes, { start, bodyStart, end, version: this.#version, filtersMax });
    switch (packet.kind) {
      case 'puback':
        this.#effects.acknowledged(packet.packetId);
        return;
      case 'subscribe':
        this.#receiveSubscribe(packet);
        return;
      case 'unsubscribe':
        this.#receiveUnsubscribe(packet);
        return;
      case 'pingreq':
        this.#effects.send(PINGRESP); // MQTT-3.12.4-1
        return;
      case 'disconnect':
        this.#receiveDisconnect(packet);
        return;
      case 'connect':
        throw protocolError('a second CONNECT'); // MQTT-3.1.0-2
      case 'pubrec':
        this.#receivePubrec(packet.packetId, packet.reasonCode);
        return;
      case 'pubrel':
        this.#acknowledge(PUBCOMP, packet.packetId, this.#effects.released(packet.packetId)); // MQTT-4.3.3-2
        return;
      case 'pubcomp':
        this.#effects.completed(packet.packetId);
        return;
      default:
        throw protocolError(`a client may not send ${packet.kind}`);
    }
  }

  #receivePublish(frame: PublishFrame): void {
    if (frame.properties.subscriptionIdentifiers !== undefined)
      throw protocolError('a client may not send a subscription identifier'); // MQTT5-3.3.4-6
    const reasonCode = this.#effects.publish(frame, this.#topicOf(frame));
    if (this.#phase !== 'open') return;
    // MQTT-3.3.5-2: 3.1.1 has no negative PUBACK, so a refused message closes the connection.
    if (isFailure(reasonCode) && (frame.qos === 0 || this.#version === 4))
      throw protocolError('the message is refused', reasonCode);
    if (frame.qos === 1)
      this.#acknowledge(PUBACK, frame.packetId, reasonCode); // MQTT-4.3.2-2
    else if (frame.qos === 2) this.#acknowledge(PUBREC, frame.packetId, reasonCode); // MQTT-4.3.3-2
  }

  #receivePubrec(packetId: number, reasonCode: ReasonCode): void {
    const answer = this.#effects.received(packetId, reasonCode);
    if (answer !== undefined) this.#acknowledge(PUBREL, packetId, answer); // MQTT-4.3.3-1
  }

  /** 3.1.1 has no reason codes. */
  #acknowledge(first: number, packetId: number, reasonCode: ReasonCode): void {
    this.#effects.acknowledge(first, packetId, this.#version === 5 ? reasonCode : REASON.success);
  }

  #topicOf(frame: PublishFrame): Topic<Route> {
    const alias = frame.properties.topicAlias;
    if (alias === undefined) return this.#topicNamed(frame);
    this.#aliases ??= new TopicAliases({ aliasMax: this.#context.limits.topicAliasMax });
    return this.#aliases.resolve(frame, alias, this.#context.topics);
  }

  /** Most clients publish to one topic, or many messages to one before the next. */
  #topicNamed(frame: PublishFrame): Topic<Route> {
    const { bytes, topicStart, topicEnd } = frame;
    if (this.#lastTopic?.is(bytes, topicStart, topicEnd) === true) return this.#lastTopic;
    assertTopicGiven(frame);
    const topic = this.#context.topics.intern(bytes, topicStart, topicEnd);
    this.#lastTopic = topicEnd - topicStart > INTERNED_BYTES_MAX ? undefined : topic;
    return topic;
  }

  #receiveSubscribe(packet: SubscribePacket): void {
    const reasonCodes = this.#effects.subscribe(packet);
    if (this.#phase !== 'open') return;
    const told =
      this.#version === 5 ? reasonCodes : reasonCodes.map((code) => (isFailure(code) ? 0x80 : code));
    const { packetId } = packet;
    this.#answer(
      encodeSuback({ kind: 'suback', packetId, reasonCodes: told, properties: NO_PROPERTIES }, this.#version),
      packetId,
    );
  }

  #receiveUnsubscribe(packet: UnsubscribePacket): void {
    const reasonCodes = this.#effects.unsubscribe(packet);
    if (this.#phase !== 'open') return;
    const { packetId } = packet;
    this.#answer(
      encodeUnsuback({ kind: 'unsuback', packetId, reasonCodes, properties: NO_PROPERTIES }, this.#version),
      packetId,
    );
  }

  #receiveDisconnect({ reasonCode, properties }: DisconnectPacket): void {
    if (!this.#askedForPersistence && (properties.sessionExpiryInterval ?? 0) > 0)
      throw protocolError('a session expiry of 0 may not be changed in DISCONNECT'); // MQTT 5 section 3.14.2.2.2
    // MQTT-3.1.2-10, MQTT5-3.14.4-3: only a normal disconnection discards the will.
    const sendWill = reasonCode !== REASON.success;
    const { sessionExpiryInterval } = properties;
    const expiry = sessionExpiryInterval === undefined ? {} : { expirySeconds: sessionExpiryInterval };
    this.#end({ reason: 'CLIENT_INITIATED_DISCONNECT', sendWill, ...expiry });
  }

  #end(ending: ConnectionEnding): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#connect = undefined;
    this.#aliases = undefined;
    this.#lastTopic = undefined;
    this.#effects.end(ending);
  }
}

/** One and a half times the keep-alive (MQTT-3.1.2-24, MQTT5-3.1.2-22), in milliseconds; 0 never ends. */
export function keepAliveMs(packet: ConnectPacket, limits: SessionLimits): number {
  return grantedKeepAliveSeconds(packet, limits) * 1500;
}

function disconnect(reasonCode: ReasonCode, properties: Properties): DisconnectPacket {
  return { kind: 'disconnect', reasonCode, properties };
}

function disconnectReasonOf(error: MqttError | undefined): DisconnectReason {
  if (error === undefined) return 'SERVER_ERROR';
  if (error.reasonCode === REASON.notAuthorized) return 'AUTH_ERROR';
  return error.reasonCode === REASON.quotaExceeded ? 'THROTTLED' : 'CLIENT_ERROR';
}
