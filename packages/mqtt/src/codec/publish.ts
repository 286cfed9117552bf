import { malformed } from '../errors.ts';
import { assertTopicName } from '../topics/names.ts';
import { assertPacketId } from './fields.ts';
import { PACKET, type ProtocolVersion, type Qos } from './packet-type.ts';
import { NO_PROPERTIES, type Properties, writeProperties } from './properties.ts';
import { assertTopicGiven, type PublishFrame } from './publish-frame.ts';
import { decodeText } from './wire-reader.ts';
import { WireWriter } from './wire-writer.ts';

/** Section 3.3, one message. */
export interface PublishPacket {
  readonly kind: 'publish';
  /** Empty only in MQTT 5, with a topic alias. */
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: Qos;
  readonly dup: boolean;
  readonly retain: boolean;
  /** Present for QoS 1 and 2. */
  readonly packetId?: number;
  readonly properties: Properties;
}

/** The packet as an object of its own; the broker reads the `PublishFrame` itself instead. */
export function publishPacket(frame: PublishFrame): PublishPacket {
  assertTopicGiven(frame);
  const topic = decodeText(frame.bytes, frame.topicStart, frame.topicEnd);
  if (topic !== '') assertTopicName(topic);
  return {
    kind: 'publish',
    topic,
    payload: Buffer.from(frame.bytes.subarray(frame.payloadStart, frame.end)),
    qos: frame.qos === 0 ? 0 : frame.qos === 1 ? 1 : 2,
    dup: frame.dup,
    retain: frame.retain,
    properties: frame.properties,
    ...(frame.qos === 0 ? {} : { packetId: frame.packetId }),
  };
}

export function encodePublish(packet: PublishPacket, version: ProtocolVersion): Buffer {
  const { qos, dup, retain, properties } = packet;
  if (dup && qos === 0) throw malformed('DUP is set on a QoS 0 message'); // MQTT-3.3.1-2
  if (packet.topic !== '' || version === 4) assertTopicName(packet.topic);
  const writer = new WireWriter();
  writer.text(packet.topic);
  if (qos > 0) writer.uint16(assertPacketId(packet.packetId ?? 0));
  if (version === 5) writeProperties(writer, properties ?? NO_PROPERTIES, 'publish');
  writer.raw(packet.payload);
  return writer.packet((PACKET.publish << 4) | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0));
}
