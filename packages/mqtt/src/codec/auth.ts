import { malformed, protocolError } from '../errors.ts';
import { REASON, type ReasonCode } from '../reason-codes.ts';
import { assertFlags, assertReasonCode } from './fields.ts';
import { PACKET, type ProtocolVersion } from './packet-type.ts';
import { NO_PROPERTIES, type Properties, readProperties, writeProperties } from './properties.ts';
import type { WireReader } from './wire-reader.ts';
import { WireWriter } from './wire-writer.ts';

/** Section 3.15 of MQTT 5, a step of an extended authentication. */
export interface AuthPacket {
  readonly kind: 'auth';
  readonly reasonCode: ReasonCode;
  readonly properties: Properties;
}

/** MQTT 5 table 3-11. */
const REASONS: ReadonlySet<number> = new Set([
  REASON.success,
  REASON.continueAuthentication,
  REASON.reAuthenticate,
]);

export function decodeAuth(first: number, reader: WireReader, version: ProtocolVersion): AuthPacket {
  if (version !== 5) throw protocolError('packet type 15 does not exist in MQTT 3.1.1');
  assertFlags(first, 0); // MQTT5-3.15.1-1
  const explicit = reader.left > 0;
  const reasonCode = explicit ? assertReasonCode(reader.byte(), REASONS) : REASON.success;
  const properties = explicit && reader.left > 0 ? readProperties(reader, 'auth') : NO_PROPERTIES;
  reader.assertEnd();
  return { kind: 'auth', reasonCode, properties };
}

export function encodeAuth(packet: AuthPacket, version: ProtocolVersion): Buffer {
  if (version !== 5) throw malformed('packet type 15 does not exist in MQTT 3.1.1');
  const writer = new WireWriter();
  writer.byte(assertReasonCode(packet.reasonCode, REASONS));
  writeProperties(writer, packet.properties, 'auth');
  return writer.packet(PACKET.auth << 4);
}
