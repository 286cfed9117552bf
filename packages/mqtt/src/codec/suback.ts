import { protocolError } from '../errors.ts';
import type { ReasonCode } from '../reason-codes.ts';
import { assertFlags, assertPacketId, assertReasonCode, readPacketId } from './fields.ts';
import { PACKET, type ProtocolVersion } from './packet-type.ts';
import { NO_PROPERTIES, type Properties, readProperties, writeProperties } from './properties.ts';
import type { WireReader } from './wire-reader.ts';
import { WireWriter } from './wire-writer.ts';

/** Section 3.9: one reason code a filter, in the order of the SUBSCRIBE (MQTT-3.8.4-5). */
export interface SubackPacket {
  readonly kind: 'suback';
  readonly packetId: number;
  readonly reasonCodes: readonly ReasonCode[];
  readonly properties: Properties;
}

/** MQTT 5 table 3-8. */
const REASONS: ReadonlySet<number> = new Set([
  0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2,
]);
const RETURN_CODES: ReadonlySet<number> = new Set([0x00, 0x01, 0x02, 0x80]); // MQTT-3.9.3-2

export function decodeSuback(first: number, reader: WireReader, version: ProtocolVersion): SubackPacket {
  assertFlags(first, 0);
  const packetId = readPacketId(reader);
  const properties = version === 5 ? readProperties(reader, 'suback') : NO_PROPERTIES;
  const allowed = version === 5 ? REASONS : RETURN_CODES;
  const reasonCodes: ReasonCode[] = [];
  while (reader.left > 0) reasonCodes.push(assertReasonCode(reader.byte(), allowed));
  if (reasonCodes.length === 0) throw protocolError('a SUBACK has no reason code');
  return { kind: 'suback', packetId, reasonCodes, properties };
}

export function encodeSuback(packet: SubackPacket, version: ProtocolVersion): Buffer {
  const writer = new WireWriter();
  writer.uint16(assertPacketId(packet.packetId));
  if (version === 5) writeProperties(writer, packet.properties, 'suback');
  const allowed = version === 5 ? REASONS : RETURN_CODES;
  for (const reasonCode of packet.reasonCodes) writer.byte(assertReasonCode(reasonCode, allowed));
  return writer.packet(PACKET.suback << 4);
}
