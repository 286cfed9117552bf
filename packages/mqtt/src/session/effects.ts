import type { ConnectPacket } from '../codec/connect.ts';
import type { PublishFrame } from '../codec/publish-frame.ts';
import type { SubscribePacket } from '../codec/subscribe.ts';
import type { UnsubscribePacket } from '../codec/unsubscribe.ts';
import type { ReasonCode } from '../reason-codes.ts';
import type { Topic } from '../topics/topic-table.ts';

/** How a connection ended, in AWS IoT's words for lifecycle events. */
export const disconnectReasons = [
  'API_INITIATED_DISCONNECT',
  'AUTH_ERROR',
  'CLIENT_ERROR',
  'CLIENT_INITIATED_DISCONNECT',
  'CONNECTION_LOST',
  'DUPLICATE_CLIENTID',
  'FORBIDDEN_ACCESS',
  'MQTT_KEEP_ALIVE_TIMEOUT',
  'SERVER_ERROR',
  'SERVER_INITIATED_DISCONNECT',
  'THROTTLED',
] as const;
export type DisconnectReason = (typeof disconnectReasons)[number];

export interface ConnectionEnding {
  readonly reason: DisconnectReason;
  readonly sendWill: boolean;
  /** A new Session Expiry Interval of the client, in seconds. */
  readonly expirySeconds?: number;
  /** The limit that ended it, by the name of its setting. */
  readonly limit?: 'filtersPerSubscribeMax';
  /** What was wrong with what the peer sent, when that ended it. */
  readonly why?: string;
  /** The last packet to send, if any. */
  readonly packet?: Buffer;
}

/** What the protocol asks of the world; calls instead of values, as they happen for every message. */
export interface ProtocolEffects<Route> {
  /** Sends bytes that are not touched again. */
  send(packet: Buffer): void;
  /** Sends what answers the packet with this identifier, after the answers to those before it. */
  answer(packet: Buffer, packetId: number): void;
  /** As `answer`: PUBACK, PUBREC, PUBREL or PUBCOMP, by its first byte. A reason code but 0 is for MQTT 5 only. */
  acknowledge(first: number, packetId: number, reasonCode: ReasonCode): void;
  /** Someone must answer with `accept` or `refuse`; until then nothing is read. */
  connect(packet: ConnectPacket): void;
  /** Routes a message unless a QoS 2 message under its identifier was already; the frame is valid during the call only. A failure is a refusal. */
  publish(frame: PublishFrame, topic: Topic<Route>): ReasonCode;
  /** One reason code a filter. */
  subscribe(packet: SubscribePacket): readonly ReasonCode[];
  unsubscribe(packet: UnsubscribePacket): readonly ReasonCode[];
  /** PUBACK: the client has a QoS 1 message. */
  acknowledged(packetId: number): void;
  /** PUBREC: the client has a QoS 2 message. The reason code for PUBREL; undefined: none follows. */
  received(packetId: number, reasonCode: ReasonCode): ReasonCode | undefined;
  /** PUBREL: the client will not send a QoS 2 message again. The reason code for PUBCOMP. */
  released(packetId: number): ReasonCode;
  /** PUBCOMP: the client is done with a QoS 2 message. */
  completed(packetId: number): void;
  /** The connection is over: called once. */
  end(ending: ConnectionEnding): void;
}
