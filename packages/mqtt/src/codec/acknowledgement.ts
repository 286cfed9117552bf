import { REASON, type ReasonCode } from '../reason-codes.ts';
import { assertFlags, assertPacketId, assertReasonCode, readPacketId } from './fields.ts';
import type { ProtocolVersion } from './packet-type.ts';
import { NO_PROPERTIES, type Properties, readProperties, writeProperties } from './properties.ts';
import type { WireReader } from './wire-reader.ts';
import { WireWriter } from './wire-writer.ts';

/** What PUBACK, PUBREC, PUBREL and PUBCOMP share: an identifier, and in MQTT 5 a reason that may be left out. */
export interface Acknowledgement {
  readonly packetId: number;
  readonly reasonCode: ReasonCode;
  readonly properties: Properties;
}

/** How one of the four differs: its type and flags, and the reasons it may give. */
export interface AcknowledgementForm {
  readonly owner: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp';
  readonly first: number;
  readonly reasons: ReadonlySet<number>;
}

/** MQTT 5 tables 3-4 and 3-5: what a receiver may answer to a PUBLISH. */
export const PUBLISH_REASONS: ReadonlySet<number> = new Set([
  0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99,
]);
/** MQTT 5 tables 3-6 and 3-7. */
export const RELEASE_REASONS: ReadonlySet<number> = new Set([0x00, 0x92]);

export function decodeAcknowledgement(
  first: number,
  reader: WireReader,
  { form, version }: { readonly form: AcknowledgementForm; readonly version: ProtocolVersion },
): Acknowledgement {
  assertFlags(first, form.first & 0x0f);
  const packetId = readPacketId(reader);
  // MQTT 5 section 3.4.2.1: a remaining length of 2 means success, one below 4 means no properties.
  const explicit = version === 5 && reader.left > 0;
  const reasonCode = explicit ? assertReasonCode(reader.byte(), form.reasons) : REASON.success;
  const properties = explicit && reader.left > 0 ? readProperties(reader, form.owner) : NO_PROPERTIES;
  reader.assertEnd();
  return { packetId, reasonCode, properties };
}

export function encodeAcknowledgement(
  { packetId, reasonCode, properties }: Acknowledgement,
  { form, version }: { readonly form: AcknowledgementForm; readonly version: ProtocolVersion },
): Buffer {
  const writer = new WireWriter();
  writer.uint16(assertPacketId(packetId));
  const plain = properties === NO_PROPERTIES || Object.keys(properties).length === 0;
  if (version === 5 && (reasonCode !== REASON.success || !plain)) {
    writer.byte(assertReasonCode(reasonCode, form.reasons));
    if (!plain) writeProperties(writer, properties, form.owner);
  }
  return writer.packet(form.first);
}
