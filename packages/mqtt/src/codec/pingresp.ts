import { assertFlags } from './fields.ts';
import { PACKET } from './packet-type.ts';
import type { WireReader } from './wire-reader.ts';

/** Section 3.13: the server is alive. */
export interface PingrespPacket {
  readonly kind: 'pingresp';
}

const packet: PingrespPacket = { kind: 'pingresp' };

export function decodePingresp(first: number, reader: WireReader): PingrespPacket {
  assertFlags(first, 0);
  reader.assertEnd();
  return packet;
}

export function encodePingresp(): Buffer {
  return Buffer.from([PACKET.pingresp << 4, 0]);
}
