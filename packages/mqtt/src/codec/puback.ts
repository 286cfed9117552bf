import {
  type Acknowledgement,
  type AcknowledgementForm,
  decodeAcknowledgement,
  encodeAcknowledgement,
  PUBLISH_REASONS,
} from './acknowledgement.ts';
import { PACKET, type ProtocolVersion } from './packet-type.ts';
import type { WireReader } from './wire-reader.ts';

/** Section 3.4: a QoS 1 message was taken. */
export interface PubackPacket extends Acknowledgement {
  readonly kind: 'puback';
}

const form: AcknowledgementForm = {
  owner: 'puback',
  first: (PACKET.puback << 4) | 0,
  reasons: PUBLISH_REASONS,
};

export function decodePuback(first: number, reader: WireReader, version: ProtocolVersion): PubackPacket {
  return { kind: 'puback', ...decodeAcknowledgement(first, reader, { form, version }) };
}

export function encodePuback(packet: PubackPacket, version: ProtocolVersion): Buffer {
  return encodeAcknowledgement(packet, { form, version });
}
