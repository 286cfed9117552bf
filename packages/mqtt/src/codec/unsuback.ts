import { protocolError } from '../errors.ts';
import type { ReasonCode } from '../reason-codes.ts';
import { assertFlags, assertPacketId, assertReasonCode, readPacketId } from './fields.ts';
import { PACKET, type ProtocolVersion } from './packet-type.ts';
import { NO_PROPERTIES, type Properties, readProperties, writeProperties } from './properties.ts';
import type { WireReader } from './wire-reader.ts';
import { WireWriter } from './wire-writer.ts';

/** Section 3.11; 3.1.1 has no reason codes. */
export interface UnsubackPacket {
  readonly kind: 'unsuback';
  readonly packetId: number;
  readonly reasonCodes: readonly ReasonCode[];
  readonly properties: Properties;
}

/** MQTT 5 table 3-9. */
const REASONS: ReadonlySet<number> = new Set([0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91]);

export function decodeUnsuback(first: number, reader: WireReader, version: ProtocolVersion): UnsubackPacket {
  assertFlags(first, 0);
  const packetId = readPacketId(reader);
  const properties = version === 5 ? readProperties(reader, 'unsuback') : NO_PROPERTIES;
  const reasonCodes: ReasonCode[] = [];
  while (version === 5 && reader.left > 0) reasonCodes.push(assertReasonCode(reader.byte(), REASONS));
  if (version === 5 && reasonCodes.length === 0) throw protocolError('an UNSUBACK has no reason code');
  reader.assertEnd();
  return { kind: 'unsuback', packetId, reasonCodes, properties };
}

export function encodeUnsuback(packet: UnsubackPacket, version: ProtocolVersion): Buffer {
  const writer = new WireWriter();
  writer.uint16(assertPacketId(packet.packetId));
  if (version === 5) {
    writeProperties(writer, packet.properties, 'unsuback');
    for (const reasonCode of packet.reasonCodes) writer.byte(assertReasonCode(reasonCode, REASONS));
  }
  return writer.packet(PACKET.unsuback << 4);
}
