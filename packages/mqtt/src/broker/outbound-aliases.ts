import { varIntBytes, writeVarInt } from '../codec/wire-writer.ts';
import { bodyStart } from '../session/kept-message.ts';

const TOPIC_ALIAS = 0x23;
const ALIAS_BYTES = 3;
/** A shorter topic saves nothing. */
const TOPIC_BYTES_MIN = 4;
/** What a packet grows by at most when an alias is added: the property, and its length and the packet's a byte longer. */
const GROWTH_MAX = ALIAS_BYTES + 2;

/**
 * Topic aliases towards one client, for one connection (MQTT5-3.3.2-7): the first topics it is sent get them, no more than it
 * takes (MQTT5-3.1.2-26, -27), and each keeps its own. The first time costs three bytes, each time after saves the topic.
 */
export class OutboundAliases {
  readonly #aliasMax: number;
  readonly #packetBytesMax: number;
  readonly #byTopic = new Map<string, number>();

  constructor(options: { readonly aliasMax: number; readonly packetBytesMax: number }) {
    this.#aliasMax = options.aliasMax;
    this.#packetBytesMax = options.packetBytesMax;
  }

  /** The packet to send in the place of an encoded MQTT 5 PUBLISH, which must be sent then. */
  apply(packet: Buffer): Buffer {
    const start = bodyStart(packet);
    const topicBytes = packet.readUInt16BE(start);
    if (topicBytes < TOPIC_BYTES_MIN) return packet;
    const topic = packet.toString('latin1', start + 2, start + 2 + topicBytes);
    const known = this.#byTopic.get(topic);
    if (known !== undefined) return withAlias(packet, { start, topicBytes, alias: known, isKnown: true });
    const alias = this.#byTopic.size + 1;
    if (alias > this.#aliasMax || packet.length + GROWTH_MAX > this.#packetBytesMax) return packet;
    this.#byTopic.set(topic, alias);
    return withAlias(packet, { start, topicBytes, alias, isKnown: false });
  }
}

interface Splice {
  /** Where the body begins. */
  readonly start: number;
  readonly topicBytes: number;
  readonly alias: number;
  /** The client knows it already: the topic is left out (MQTT 5 section 3.3.2.3.4). */
  readonly isKnown: boolean;
}

/** Appends the alias to the properties: those before it stay where they are looked for. */
function withAlias(packet: Buffer, { start, topicBytes, alias, isKnown }: Splice): Buffer {
  const idStart = start + 2 + topicBytes;
  const lengthStart = idStart + ((packet[0]! & 0x06) === 0 ? 0 : 2);
  const { value: propertyBytes, end: propertiesStart } = readVarInt(packet, lengthStart);
  const propertiesEnd = propertiesStart + propertyBytes;
  const topicEnd = isKnown ? start + 2 : idStart;
  const kept = packet.length - start - (isKnown ? topicBytes : 0) - varIntBytes(propertyBytes);
  const body = kept + varIntBytes(propertyBytes + ALIAS_BYTES) + ALIAS_BYTES;
  const result = Buffer.allocUnsafe(1 + varIntBytes(body) + body);
  result[0] = packet[0]!;
  const bodyAt = writeVarInt(result, 1, body);
  let at = bodyAt + packet.copy(result, bodyAt, start, topicEnd);
  if (isKnown) result.writeUInt16BE(0, bodyAt);
  at += packet.copy(result, at, idStart, lengthStart);
  at = writeVarInt(result, at, propertyBytes + ALIAS_BYTES);
  at += packet.copy(result, at, propertiesStart, propertiesEnd);
  result[at] = TOPIC_ALIAS;
  result.writeUInt16BE(alias, at + 1);
  packet.copy(result, at + ALIAS_BYTES, propertiesEnd);
  return result;
}

function readVarInt(bytes: Buffer, start: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let at = start, shift = 0; ; at++, shift += 7) {
    const byte = bytes[at]!;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return { value, end: at + 1 };
  }
}
