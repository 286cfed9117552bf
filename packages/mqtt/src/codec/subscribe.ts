import { malformed, protocolError, tooManyFilters } from '../errors.ts';
import { assertTopicFilter, isSharedFilter } from '../topics/names.ts';
import { assertFlags, assertPacketId, parseQos, readPacketId } from './fields.ts';
import { type FilterBounds, PACKET, type ProtocolVersion, type Qos } from './packet-type.ts';
import { NO_PROPERTIES, type Properties, readProperties, writeProperties } from './properties.ts';
import type { WireReader } from './wire-reader.ts';
import { WireWriter } from './wire-writer.ts';

/** Whether a subscription is sent the retained messages (MQTT 5 section 3.8.3.1): always, if it is new, never. */
type RetainHandling = 0 | 1 | 2;

/** One filter of a SUBSCRIBE; all but `filter` and `qos` is MQTT 5's. */
export interface SubscriptionRequest {
  readonly filter: string;
  readonly qos: Qos;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: RetainHandling;
}

/** Section 3.8. */
export interface SubscribePacket {
  readonly kind: 'subscribe';
  readonly packetId: number;
  readonly subscriptions: readonly SubscriptionRequest[];
  readonly properties: Properties;
}

export function decodeSubscribe(
  first: number,
  reader: WireReader,
  { version, filtersMax = Number.POSITIVE_INFINITY }: FilterBounds,
): SubscribePacket {
  assertFlags(first, 2); // MQTT-3.8.1-1
  const packetId = readPacketId(reader);
  const properties = version === 5 ? readProperties(reader, 'subscribe') : NO_PROPERTIES;
  const subscriptions: SubscriptionRequest[] = [];
  while (reader.left > 0) {
    if (subscriptions.length === filtersMax) throw tooManyFilters(filtersMax);
    subscriptions.push(readRequest(reader, version));
  }
  if (subscriptions.length === 0) throw protocolError('a SUBSCRIBE has no filter'); // MQTT-3.8.3-3, MQTT5-3.8.3-2
  return { kind: 'subscribe', packetId, subscriptions, properties };
}

function readRequest(reader: WireReader, version: ProtocolVersion): SubscriptionRequest {
  const filter = reader.text();
  assertTopicFilter(filter);
  const options = reader.byte();
  // MQTT-3.8.3-4, MQTT5-3.8.3-5
  if ((options & (version === 5 ? 0xc0 : 0xfc)) !== 0)
    throw malformed('reserved subscription options are set');
  const noLocal = (options & 0x04) !== 0;
  if (noLocal && isSharedFilter(filter)) throw protocolError('a shared subscription asks for no-local'); // MQTT5-3.8.3-4
  return {
    filter,
    qos: parseQos(options & 3),
    noLocal,
    retainAsPublished: (options & 0x08) !== 0,
    retainHandling: parseRetainHandling((options >> 4) & 3),
  };
}

function parseRetainHandling(bits: number): RetainHandling {
  if (bits === 0 || bits === 1 || bits === 2) return bits;
  throw protocolError('a retain handling of 3 does not exist'); // section 3.8.3.1
}

export function encodeSubscribe(packet: SubscribePacket, version: ProtocolVersion): Buffer {
  const writer = new WireWriter();
  writer.uint16(assertPacketId(packet.packetId));
  if (version === 5) writeProperties(writer, packet.properties, 'subscribe');
  for (const request of packet.subscriptions) {
    assertTopicFilter(request.filter);
    writer.text(request.filter);
    writer.byte(version === 5 ? optionsOf(request) : request.qos);
  }
  return writer.packet((PACKET.subscribe << 4) | 2);
}

function optionsOf({ qos, noLocal, retainAsPublished, retainHandling }: SubscriptionRequest): number {
  return qos | (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (retainHandling << 4);
}
