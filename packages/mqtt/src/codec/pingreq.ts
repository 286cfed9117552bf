import { assertFlags } from './fields.ts';
import { PACKET } from './packet-type.ts';
import type { WireReader } from './wire-reader.ts';

/** Section 3.12: the client is alive and asks whether the server is. */
export interface PingreqPacket {
  readonly kind: 'pingreq';
}

const packet: PingreqPacket = { kind: 'pingreq' };

export function decodePingreq(first: number, reader: WireReader): PingreqPacket {
  assertFlags(first, 0);
  reader.assertEnd();
  return packet;
}

export function encodePingreq(): Buffer {
  return Buffer.from([PACKET.pingreq << 4, 0]);
}
