import { malformed, protocolError } from '../errors.ts';
import { assertTopicName } from '../topics/names.ts';
import { readPacketId } from './fields.ts';
import type { ProtocolVersion } from './packet-type.ts';
import { NO_PROPERTIES, type Properties, readProperties } from './properties.ts';
import { WireReader } from './wire-reader.ts';

/**
 * Where the parts of one PUBLISH lie in the bytes it came in. One object is filled again and again, so that routing a
 * message allocates nothing; it is valid until the next `readPublish`. The topic's bytes are not checked here.
 */
export class PublishFrame {
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
  version: ProtocolVersion = 4;
  qos = 0;
  dup = false;
  retain = false;
  topicStart = 0;
  topicEnd = 0;
  packetId = 0;
  payloadStart = 0;
  properties: Properties = NO_PROPERTIES;
}

/** The range of one packet: `start` at its first byte, `bodyStart` after its remaining length. */
export interface PacketRange {
  readonly start: number;
  readonly bodyStart: number;
  readonly end: number;
  readonly version: ProtocolVersion;
}

/** Fills `frame` from one PUBLISH (section 3.3). Positional, as it runs for every message. */
export function readPublish(
  frame: PublishFrame,
  bytes: Buffer,
  start: number,
  bodyStart: number,
  end: number,
  version: ProtocolVersion,
): void {
  const first = bytes[start]!;
  const qos = (first >> 1) & 3;
  if (qos === 3) throw malformed('a QoS of 3 does not exist'); // MQTT-3.3.1-4
  const dup = (first & 8) !== 0;
  if (dup && qos === 0) throw malformed('DUP is set on a QoS 0 message'); // MQTT-3.3.1-2
  if (bodyStart + 2 > end) throw malformed('the packet ends before its topic');
  const topicEnd = bodyStart + 2 + ((bytes[bodyStart]! << 8) | bytes[bodyStart + 1]!);
  if (topicEnd > end) throw malformed('the packet ends inside its topic');
  frame.bytes = bytes;
  frame.start = start;
  frame.end = end;
  frame.version = version;
  frame.qos = qos;
  frame.dup = dup;
  frame.retain = (first & 1) !== 0;
  frame.topicStart = bodyStart + 2;
  frame.topicEnd = topicEnd;
  frame.packetId = 0;
  frame.properties = NO_PROPERTIES;
  frame.payloadStart = topicEnd;
  if (qos > 0 || version === 5) readVariablePart(frame);
}

function readVariablePart(frame: PublishFrame): void {
  // The shortest and most frequent form: MQTT 5, QoS 0, no properties.
  if (frame.qos === 0 && frame.bytes[frame.payloadStart] === 0 && frame.payloadStart < frame.end) {
    frame.payloadStart++;
    return;
  }
  const reader = new WireReader(frame.bytes, frame.payloadStart, frame.end);
  if (frame.qos > 0) frame.packetId = readPacketId(reader);
  if (frame.version === 5) frame.properties = readMessageProperties(reader);
  frame.payloadStart = reader.at;
}

function readMessageProperties(reader: WireReader): Properties {
  const properties = readProperties(reader, 'publish');
  if (properties.responseTopic !== undefined) assertTopicName(properties.responseTopic); // MQTT5-3.3.2-14
  return properties;
}

/** An empty topic is only a reference to an alias (MQTT5-3.3.2-8 and section 3.3.2.1). */
export function assertTopicGiven(frame: PublishFrame): void {
  if (frame.topicStart !== frame.topicEnd || frame.properties.topicAlias !== undefined) return;
  throw protocolError('a message has neither a topic nor a topic alias');
}
