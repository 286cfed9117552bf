import { malformed, protocolError } from '../errors.ts';
import type { Qos } from './packet-type.ts';
import type { WireReader } from './wire-reader.ts';

/** A Packet Identifier; 0 is not one (MQTT-2.3.1-1, MQTT5-2.2.1-3). */
export function readPacketId(reader: WireReader): number {
  const packetId = reader.uint16();
  if (packetId === 0) throw protocolError('a packet identifier may not be 0');
  return packetId;
}

export function assertPacketId(packetId: number): number {
  if (Number.isInteger(packetId) && packetId > 0 && packetId <= 0xffff) return packetId;
  throw protocolError(`a packet identifier may not be \`${packetId}\``);
}

/** The low four bits of the first byte, which every packet but PUBLISH fixes (MQTT-2.2.2-2, MQTT5-2.1.3-1). */
export function assertFlags(first: number, expected: number): void {
  if ((first & 0x0f) !== expected) throw malformed(`the fixed header's flags are \`${first & 0x0f}\``);
}

export function parseQos(bits: number): Qos {
  if (bits === 0 || bits === 1 || bits === 2) return bits;
  throw malformed('a QoS of 3 does not exist'); // MQTT-3.3.1-4, MQTT5-3.3.1-4
}

/** A reason code that this packet may carry. */
export function assertReasonCode(reasonCode: number, allowed: ReadonlySet<number>): number {
  if (allowed.has(reasonCode)) return reasonCode;
  throw protocolError(`the reason code \`0x${reasonCode.toString(16)}\` may not be in this packet`);
}
