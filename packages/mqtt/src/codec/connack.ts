import { malformed } from '../errors.ts';
import { REASON, type ReasonCode } from '../reason-codes.ts';
import { assertFlags, assertReasonCode } from './fields.ts';
import { PACKET, type ProtocolVersion } from './packet-type.ts';
import { NO_PROPERTIES, type Properties, readProperties, writeProperties } from './properties.ts';
import type { WireReader } from './wire-reader.ts';
import { WireWriter } from './wire-writer.ts';

/** Section 3.2, the answer to CONNECT. In 3.1.1 `reasonCode` is the return code 0–5. */
export interface ConnackPacket {
  readonly kind: 'connack';
  readonly sessionPresent: boolean;
  readonly reasonCode: ReasonCode;
  readonly properties: Properties;
}

/** MQTT 5 table 3-1. */
const REASONS: ReadonlySet<number> = new Set([
  REASON.success,
  0x80,
  0x81,
  0x82,
  0x83,
  0x84,
  0x85,
  0x86,
  0x87,
  0x88,
  0x89,
  0x8a,
  0x8c,
  0x90,
  0x95,
  0x97,
  0x99,
  0x9a,
  0x9b,
  0x9c,
  0x9d,
  0x9f,
]);
const RETURN_CODES: ReadonlySet<number> = new Set([0, 1, 2, 3, 4, 5]);

export function decodeConnack(first: number, reader: WireReader, version: ProtocolVersion): ConnackPacket {
  assertFlags(first, 0);
  const flags = reader.byte();
  if (flags > 1) throw malformed('reserved CONNACK flags are set'); // MQTT5-3.2.2-1
  const reasonCode = assertReasonCode(reader.byte(), version === 5 ? REASONS : RETURN_CODES);
  if (flags === 1 && reasonCode !== 0) throw malformed('a refusal says that a session is present'); // MQTT-3.2.2-4
  const properties = version === 5 ? readProperties(reader, 'connack') : NO_PROPERTIES;
  reader.assertEnd();
  return { kind: 'connack', sessionPresent: flags === 1, reasonCode, properties };
}

export function encodeConnack(packet: ConnackPacket, version: ProtocolVersion): Buffer {
  const writer = new WireWriter();
  writer.byte(packet.sessionPresent ? 1 : 0);
  writer.byte(assertReasonCode(packet.reasonCode, version === 5 ? REASONS : RETURN_CODES));
  if (version === 5) writeProperties(writer, packet.properties, 'connack');
  return writer.packet(PACKET.connack << 4);
}
