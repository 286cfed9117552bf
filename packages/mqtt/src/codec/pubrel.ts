import {
  type Acknowledgement,
  type AcknowledgementForm,
  decodeAcknowledgement,
  encodeAcknowledgement,
  RELEASE_REASONS,
} from './acknowledgement.ts';
import { PACKET, type ProtocolVersion } from './packet-type.ts';
import type { WireReader } from './wire-reader.ts';

/** Section 3.6: a QoS 2 message may be forgotten, second request (flags 0010, MQTT-3.6.1-1). */
export interface PubrelPacket extends Acknowledgement {
  readonly kind: 'pubrel';
}

const form: AcknowledgementForm = {
  owner: 'pubrel',
  first: (PACKET.pubrel << 4) | 2,
  reasons: RELEASE_REASONS,
};

export function decodePubrel(first: number, reader: WireReader, version: ProtocolVersion): PubrelPacket {
  return { kind: 'pubrel', ...decodeAcknowledgement(first, reader, { form, version }) };
}

export function encodePubrel(packet: PubrelPacket, version: ProtocolVersion): Buffer {
  return encodeAcknowledgement(packet, { form, version });
}
