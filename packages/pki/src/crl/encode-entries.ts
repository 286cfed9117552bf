import { tags } from '../der/tags.ts';
import { encodeTime } from '../der/time.ts';
import { enumerated, sequence } from '../der/writer.ts';
import { PkiError } from '../errors.ts';
import { encodeExtension } from '../issue/encode-extensions.ts';
import { limits } from '../limits.ts';
import { extensionOids } from '../oids.ts';
import { type RevocationReason, revocationReasons } from './revocation-reason.ts';

export interface Revocation {
  /** As `Certificate.serial` has it. */
  readonly serial: string;
  readonly revokedAtMs: number;
  readonly reason: RevocationReason;
}

// Serial number 2 + 21, GeneralizedTime 17, reason 14, header 2: an entry is always a short form.
const entryBytesMax = 56;

const pieceBytes = 64 * 1024;

/** The entries of `revokedCertificates`, one after the other, written into a few buffers: made for 100,000 of them. */
export function encodeRevokedEntries(revoked: Iterable<Revocation>): Uint8Array {
  const pieces: Uint8Array[] = [];
  const reasons = new Map<RevocationReason, Uint8Array>();
  let buffer = Buffer.allocUnsafe(0);
  let at = 0;
  let count = 0;
  for (const revocation of revoked) {
    if (++count > limits.crlEntriesMax)
      throw new PkiError('pki.issue', `a CRL has at most ${limits.crlEntriesMax} revocations`);
    if (at + entryBytesMax > buffer.length) {
      pieces.push(buffer.subarray(0, at));
      [buffer, at] = [Buffer.allocUnsafe(pieceBytes), 0];
    }
    at = writeEntry(revocation, { buffer, at, reasons });
  }
  return Buffer.concat([...pieces, buffer.subarray(0, at)]);
}

interface EntryTarget {
  readonly buffer: Buffer;
  readonly at: number;
  readonly reasons: Map<RevocationReason, Uint8Array>;
}

function writeEntry(
  { serial, revokedAtMs, reason }: Revocation,
  { buffer, at, reasons }: EntryTarget,
): number {
  let end = writeSerial(serial, { buffer, at: at + 2 });
  const time = encodeTime(revokedAtMs);
  buffer.set(time, end);
  end += time.length;
  const extensions = reasonExtensions(reason, reasons);
  buffer.set(extensions, end);
  end += extensions.length;
  buffer[at] = tags.sequence;
  buffer[at + 1] = end - at - 2;
  return end;
}

function writeSerial(serial: string, { buffer, at }: { buffer: Buffer; at: number }): number {
  if (!/^(?:[0-9a-f]{2}){1,20}$/.test(serial))
    throw new PkiError('pki.issue', `\`${serial.slice(0, 64)}\` is not a positive serial number in hex`);
  const sign = Number.parseInt(serial.slice(0, 2), 16) >= 0x80 ? 1 : 0;
  buffer[at] = tags.integer;
  buffer[at + 1] = serial.length / 2 + sign;
  buffer[at + 2] = 0;
  return at + 2 + sign + buffer.write(serial, at + 2 + sign, 'hex');
}

// RFC 5280 §5.3.1: the reason is left out, not `unspecified`.
function reasonExtensions(reason: RevocationReason, known: Map<RevocationReason, Uint8Array>): Uint8Array {
  let bytes = known.get(reason);
  if (bytes !== undefined) return bytes;
  const extension = encodeExtension(extensionOids.crlReason, enumerated(revocationReasons[reason]));
  bytes = reason === 'unspecified' ? new Uint8Array(0) : sequence(extension);
  known.set(reason, bytes);
  return bytes;
}
