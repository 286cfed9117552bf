import { REASON, type ReasonCode } from '../reason-codes.ts';
import { assertFlags, assertReasonCode } from './fields.ts';
import { PACKET, type ProtocolVersion } from './packet-type.ts';
import { NO_PROPERTIES, type Properties, readProperties, writeProperties } from './properties.ts';
import type { WireReader } from './wire-reader.ts';
import { WireWriter } from './wire-writer.ts';

/** Section 3.14, the last packet of a connection; only MQTT 5 gives a reason, and only there the server may send it. */
export interface DisconnectPacket {
  readonly kind: 'disconnect';
  readonly reasonCode: ReasonCode;
  readonly properties: Properties;
}

/** MQTT 5 table 3-10. */
const REASONS: ReadonlySet<number> = new Set([
  0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97,
  0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
]);

export function decodeDisconnect(
  first: number,
  reader: WireReader,
  version: ProtocolVersion,
): DisconnectPacket {
  assertFlags(first, 0); // MQTT-3.14.1-1
  const explicit = version === 5 && reader.left > 0;
  const reasonCode = explicit ? assertReasonCode(reader.byte(), REASONS) : REASON.success;
  const properties = explicit && reader.left > 0 ? readProperties(reader, 'disconnect') : NO_PROPERTIES;
  reader.assertEnd();
  return { kind: 'disconnect', reasonCode, properties };
}

export function encodeDisconnect(packet: DisconnectPacket, version: ProtocolVersion): Buffer {
  const writer = new WireWriter();
  if (version === 5) {
    writer.byte(assertReasonCode(packet.reasonCode, REASONS));
    writeProperties(writer, packet.properties, 'disconnect');
  }
  return writer.packet(PACKET.disconnect << 4);
}

/** A reason this packet cannot carry is sent as the nearest it can. */
export function disconnectReason(reasonCode: ReasonCode): ReasonCode {
  return REASONS.has(reasonCode) ? reasonCode : REASON.unspecifiedError;
}
