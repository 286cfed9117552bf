import {
  type Acknowledgement,
  type AcknowledgementForm,
  decodeAcknowledgement,
  encodeAcknowledgement,
  RELEASE_REASONS,
} from './acknowledgement.ts';
import { PACKET, type ProtocolVersion } from './packet-type.ts';
import type { WireReader } from './wire-reader.ts';

/** Section 3.7: a QoS 2 exchange is over. */
export interface PubcompPacket extends Acknowledgement {
  readonly kind: 'pubcomp';
}

const form: AcknowledgementForm = {
  owner: 'pubcomp',
  first: (PACKET.pubcomp << 4) | 0,
  reasons: RELEASE_REASONS,
};

export function decodePubcomp(first: number, reader: WireReader, version: ProtocolVersion): PubcompPacket {
  return { kind: 'pubcomp', ...decodeAcknowledgement(first, reader, { form, version }) };
}

export function encodePubcomp(packet: PubcompPacket, version: ProtocolVersion): Buffer {
  return encodeAcknowledgement(packet, { form, version });
}
