import { protocolError, tooManyFilters } from '../errors.ts';
import { assertTopicFilter } from '../topics/names.ts';
import { assertFlags, assertPacketId, readPacketId } from './fields.ts';
import { type FilterBounds, PACKET, type ProtocolVersion } from './packet-type.ts';
import { NO_PROPERTIES, type Properties, readProperties, writeProperties } from './properties.ts';
import type { WireReader } from './wire-reader.ts';
import { WireWriter } from './wire-writer.ts';

/** Section 3.10. */
export interface UnsubscribePacket {
  readonly kind: 'unsubscribe';
  readonly packetId: number;
  readonly filters: readonly string[];
  readonly properties: Properties;
}

export function decodeUnsubscribe(
  first: number,
  reader: WireReader,
  { version, filtersMax = Number.POSITIVE_INFINITY }: FilterBounds,
): UnsubscribePacket {
  assertFlags(first, 2); // MQTT-3.10.1-1
  const packetId = readPacketId(reader);
  const properties = version === 5 ? readProperties(reader, 'unsubscribe') : NO_PROPERTIES;
  const filters: string[] = [];
  while (reader.left > 0) {
    if (filters.length === filtersMax) throw tooManyFilters(filtersMax);
    const filter = reader.text();
    assertTopicFilter(filter);
    filters.push(filter);
  }
  if (filters.length === 0) throw protocolError('an UNSUBSCRIBE has no filter'); // MQTT-3.10.3-2
  return { kind: 'unsubscribe', packetId, filters, properties };
}

export function encodeUnsubscribe(packet: UnsubscribePacket, version: ProtocolVersion): Buffer {
  const writer = new WireWriter();
  writer.uint16(assertPacketId(packet.packetId));
  if (version === 5) writeProperties(writer, packet.properties, 'unsubscribe');
  for (const filter of packet.filters) {
    assertTopicFilter(filter);
    writer.text(filter);
  }
  return writer.packet((PACKET.unsubscribe << 4) | 2);
}
