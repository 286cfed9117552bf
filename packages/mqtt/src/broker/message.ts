import type { ProtocolVersion, Qos } from '../codec/packet-type.ts';
import { NO_PROPERTIES, type Properties, writeProperties } from '../codec/properties.ts';
import type { PublishFrame } from '../codec/publish-frame.ts';
import { varIntBytes, WireWriter, writeVarInt } from '../codec/wire-writer.ts';
import { type KeptBytes, KeptMessage } from '../session/kept-message.ts';

const EMPTY = Buffer.alloc(0);
const NO_PROPERTY_BYTES = Buffer.from([0]);
const NO_IDENTIFIERS: readonly number[] = [];
const PUBLISH = 0x30;
const RETAIN = 0x01;

/** What a message says, whoever it came from. The ranges are valid while it is being routed. */
export interface MessageSource {
  readonly topicBytes: Buffer;
  readonly bytes: Buffer;
  readonly payloadStart: number;
  readonly payloadEnd: number;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly properties: Properties;
}

/** One message on its way out: encoded at most once for each version and QoS, and for all receivers of that form. */
export class OutgoingMessage {
  #source: MessageSource = {
    topicBytes: EMPTY,
    bytes: EMPTY,
    payloadStart: 0,
    payloadEnd: 0,
    qos: 0,
    retain: false,
    properties: NO_PROPERTIES,
  };
  #frame: PublishFrame | undefined;
  #v4q0: Buffer | undefined;
  #v4q1: Buffer | undefined;
  #v5q0: Buffer | undefined;
  #v5q1: Buffer | undefined;
  #topicBytes: Buffer = EMPTY;
  #kept: KeptMessage | undefined;
  qos: Qos = 0;
  /** Whether it came with RETAIN. */
  wasRetained = false;
  /** Whether the receiver being served gets it with RETAIN. */
  retain = false;
  /** The shared subscription by which the receiver being served gets it. */
  shareName: string | undefined;
  /** Only one receiver is left to serve: copying beats making a shared packet. */
  isForOne = false;

  /** Routes a packet as it came in. */
  setFrame(frame: PublishFrame, topicBytes: Buffer): void {
    this.#clear();
    this.#frame = frame;
    this.qos = frame.qos === 0 ? 0 : frame.qos === 1 ? 1 : 2;
    this.wasRetained = frame.retain;
    this.#topicBytes = topicBytes;
  }

  /** Routes what did not come in as a packet: a will, or the platform's own. */
  setSource(source: MessageSource): void {
    this.#clear();
    this.#frame = undefined;
    this.#source = source;
    this.#topicBytes = source.topicBytes;
    this.qos = source.qos;
    this.wasRetained = source.retain;
  }

  get properties(): Properties {
    return this.#frame === undefined ? this.#source.properties : this.#frame.properties;
  }

  /** The packet it came in, when a receiver of `version` gets the very same bytes with QoS 0. */
  verbatim(version: ProtocolVersion): PublishFrame | undefined {
    const frame = this.#frame;
    if (frame === undefined || frame.qos !== 0 || frame.version !== version || frame.retain !== this.retain)
      return undefined;
    return frame.properties.topicAlias === undefined ? frame : undefined;
  }

  /** The one copy for all who cannot be given it at once. */
  keep(bytes: KeptBytes, nowMs: number): KeptMessage {
    if (this.#kept !== undefined) return this.#kept;
    const { messageExpiryInterval } = this.properties;
    const expiresAtMs = messageExpiryInterval === undefined ? 0 : nowMs + messageExpiryInterval * 1000;
    const packet = bytes.copy(this.packet(5, 0, NO_IDENTIFIERS));
    packet[0] = PUBLISH;
    this.#kept = new KeptMessage(packet, expiresAtMs);
    return this.#kept;
  }

  /** The whole packet; for QoS 2 that with QoS 1, whose first byte and packet identifier (at `packetIdOffset`) are filled in by each copy. */
  packet(version: ProtocolVersion, qos: number, identifiers: readonly number[]): Buffer {
    if (this.retain || (identifiers.length > 0 && version === 5))
      return this.#encode(version, qos, identifiers);
    if (version === 4) {
      if (qos === 0) this.#v4q0 ??= this.#encode(4, 0, identifiers);
      else this.#v4q1 ??= this.#encode(4, 1, identifiers);
      return (qos === 0 ? this.#v4q0 : this.#v4q1) ?? EMPTY;
    }
    if (qos === 0) this.#v5q0 ??= this.#encode(5, 0, identifiers);
    else this.#v5q1 ??= this.#encode(5, 1, identifiers);
    return (qos === 0 ? this.#v5q0 : this.#v5q1) ?? EMPTY;
  }

  /** For keeping: MQTT 5, QoS 0, RETAIN, in memory of its own, so that it holds no larger block alive. */
  retainedPacket(): Buffer {
    const packet = this.packet(5, 0, NO_IDENTIFIERS);
    const kept = Buffer.allocUnsafeSlow(packet.length);
    packet.copy(kept);
    kept[0] = kept[0]! | RETAIN;
    return kept;
  }

  get payloadBytes(): number {
    const frame = this.#frame;
    if (frame !== undefined) return frame.end - frame.payloadStart;
    return this.#source.payloadEnd - this.#source.payloadStart;
  }

  #clear(): void {
    this.#kept = undefined;
    this.retain = false;
    this.shareName = undefined;
    this.#v4q0 = undefined;
    this.#v4q1 = undefined;
    this.#v5q0 = undefined;
    this.#v5q1 = undefined;
  }

  #encode(version: ProtocolVersion, qos: number, identifiers: readonly number[]): Buffer {
    const same = qos === 0 && identifiers.length === 0 ? this.verbatim(version) : undefined;
    if (same !== undefined) return Buffer.from(same.bytes.subarray(same.start, same.end));
    const frame = this.#frame;
    const payload =
      frame === undefined
        ? this.#source.bytes.subarray(this.#source.payloadStart, this.#source.payloadEnd)
        : frame.bytes.subarray(frame.payloadStart, frame.end);
    const properties = version === 5 ? propertyBytes(this.properties, identifiers) : EMPTY;
    const first = PUBLISH | (qos << 1) | (this.retain ? RETAIN : 0);
    return assemble(this.#topicBytes, payload, { first, properties });
  }
}

function assemble(
  topic: Buffer,
  payload: Buffer,
  { first, properties }: { readonly first: number; readonly properties: Buffer },
): Buffer {
  const qos = (first >> 1) & 3;
  const body = 2 + topic.length + (qos > 0 ? 2 : 0) + properties.length + payload.length;
  const packet = Buffer.allocUnsafe(1 + varIntBytes(body) + body);
  packet[0] = first;
  let at = writeVarInt(packet, 1, body);
  packet[at] = topic.length >> 8;
  packet[at + 1] = topic.length & 0xff;
  packet.set(topic, at + 2);
  at += 2 + topic.length;
  if (qos > 0) {
    packet[at] = 0;
    packet[at + 1] = 0;
    at += 2;
  }
  packet.set(properties, at);
  packet.set(payload, at + properties.length);
  return packet;
}

/** What is passed on unaltered (MQTT5-3.3.2-4, -15 to -20); an alias is between two parties only (MQTT5-3.3.2-7). */
function propertyBytes(properties: Properties, identifiers: readonly number[]): Buffer {
  if (properties === NO_PROPERTIES && identifiers.length === 0) return NO_PROPERTY_BYTES;
  const {
    topicAlias: _alias,
    subscriptionIdentifiers: _own,
    willDelayInterval: _delay,
    ...passed
  } = properties;
  const writer = new WireWriter();
  writeProperties(
    writer,
    identifiers.length === 0 ? passed : { ...passed, subscriptionIdentifiers: identifiers },
    'publish',
  );
  return Buffer.from(writer.section());
}

/** Where the packet identifier of an encoded QoS 1 PUBLISH stands. */
export function packetIdOffset(packet: Buffer): number {
  let at = 1;
  while (packet[at]! >= 0x80) at++;
  at++;
  return at + 2 + ((packet[at]! << 8) | packet[at + 1]!);
}

/** Sets the Message Expiry Interval of an encoded MQTT 5 QoS 1 PUBLISH that waited (MQTT5-3.3.2-6). */
export function setMessageExpiry(bytes: Buffer, packetStart: number, seconds: number): void {
  const packet = bytes.subarray(packetStart);
  let at = packetIdOffset(packet) + 2;
  while (packet[at]! >= 0x80) at++;
  at++;
  if (packet[at] === 0x01) at += 2; // written in the order of their identifiers
  if (packet[at] === 0x02) packet.writeUInt32BE(seconds, at + 1);
}
