import {
  type Acknowledgement,
  type AcknowledgementForm,
  decodeAcknowledgement,
  encodeAcknowledgement,
  PUBLISH_REASONS,
} from './acknowledgement.ts';
import { PACKET, type ProtocolVersion } from './packet-type.ts';
import type { WireReader } from './wire-reader.ts';

/** Section 3.5: a QoS 2 message was received, first answer. */
export interface PubrecPacket extends Acknowledgement {
  readonly kind: 'pubrec';
}

const form: AcknowledgementForm = {
  owner: 'pubrec',
  first: (PACKET.pubrec << 4) | 0,
  reasons: PUBLISH_REASONS,
};

export function decodePubrec(first: number, reader: WireReader, version: ProtocolVersion): PubrecPacket {
  return { kind: 'pubrec', ...decodeAcknowledgement(first, reader, { form, version }) };
}

export function encodePubrec(packet: PubrecPacket, version: ProtocolVersion): Buffer {
  return encodeAcknowledgement(packet, { form, version });
}
