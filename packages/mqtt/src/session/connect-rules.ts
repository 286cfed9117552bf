import type { ConnectPacket } from '../codec/connect.ts';
import type { Properties } from '../codec/properties.ts';
import { REASON, type ReasonCode } from '../reason-codes.ts';
import { countLevels } from '../topics/names.ts';

/** What this side says of itself in CONNACK. */
export interface SessionLimits {
  readonly packetBytesMax: number;
  /** Messages with QoS 1 and 2 that a client may have unacknowledged. */
  readonly inflightInMax: number;
  readonly inflightOutMax: number;
  readonly topicAliasMax: number;
  readonly keepAliveSecondsMax: number;
  readonly sessionExpirySecondsMax: number;
  readonly topicBytesMax: number;
  readonly topicLevelsMax: number;
  /** Also of one UNSUBSCRIBE. */
  readonly filtersPerSubscribeMax: number;
}

/** What a client is given that it did not ask for. */
export interface Granted {
  readonly assignedClientId: string | undefined;
  /** Its session goes on (MQTT-3.2.2-2, MQTT5-3.2.2-3). */
  readonly sessionPresent: boolean;
  /** How long its session outlives the connection. */
  readonly expirySeconds: number;
}

/** Why a CONNECT that parsed cannot be served, whoever sends it; undefined when it can. */
export function connectProblem(packet: ConnectPacket, limits: SessionLimits): ReasonCode | undefined {
  if (packet.properties.authenticationMethod !== undefined) return REASON.badAuthenticationMethod; // MQTT5-4.12.0-1
  if (packet.will !== undefined && isOverLimit(packet.will.topic, limits)) return REASON.topicNameInvalid;
  if (packet.clientId === '' && packet.protocolVersion === 4 && !packet.cleanStart)
    return REASON.clientIdentifierNotValid; // MQTT-3.1.3-8
  return undefined;
}

function isOverLimit(topic: string, { topicBytesMax, topicLevelsMax }: SessionLimits): boolean {
  return countLevels(topic) > topicLevelsMax || Buffer.byteLength(topic) > topicBytesMax;
}

/** Whether the client asks for state that outlives the connection. */
export function asksForPersistence(packet: ConnectPacket): boolean {
  return packet.protocolVersion === 5
    ? (packet.properties.sessionExpiryInterval ?? 0) > 0
    : !packet.cleanStart;
}

/** Seconds that the session outlives its connection; MQTT 5 is told when it is less than asked for (section 3.2.2.3.2). */
export function grantedExpirySeconds(packet: ConnectPacket, limits: SessionLimits): number {
  if (packet.protocolVersion === 4) return packet.cleanStart ? 0 : limits.sessionExpirySecondsMax;
  return Math.min(packet.properties.sessionExpiryInterval ?? 0, limits.sessionExpirySecondsMax);
}

/** Seconds; MQTT 5 can be told a shorter one (MQTT5-3.2.2-21), 3.1.1 gets what it asked for. */
export function grantedKeepAliveSeconds(packet: ConnectPacket, limits: SessionLimits): number {
  if (packet.protocolVersion === 4) return packet.keepAliveSeconds;
  const asked = packet.keepAliveSeconds;
  return asked === 0 ? limits.keepAliveSecondsMax : Math.min(asked, limits.keepAliveSecondsMax);
}

/** The properties of an accepting CONNACK (MQTT 5 section 3.2.2.3): what is not offered is said. */
export function connackProperties(
  packet: ConnectPacket,
  limits: SessionLimits,
  { assignedClientId, expirySeconds }: Granted,
): Properties {
  const keepAliveSeconds = grantedKeepAliveSeconds(packet, limits);
  return {
    receiveMaximum: limits.inflightInMax,
    maximumPacketSize: limits.packetBytesMax,
    topicAliasMaximum: limits.topicAliasMax,
    ...(expirySeconds < (packet.properties.sessionExpiryInterval ?? 0)
      ? { sessionExpiryInterval: expirySeconds }
      : {}),
    ...(keepAliveSeconds === packet.keepAliveSeconds ? {} : { serverKeepAlive: keepAliveSeconds }),
    ...(assignedClientId === undefined ? {} : { assignedClientIdentifier: assignedClientId }), // MQTT5-3.2.2-16
  };
}
