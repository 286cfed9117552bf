import { createTargetVerifier, type ExpectedFile, type TargetRefusal } from '@fleetward/updates';
import { DeviceError } from '../errors.ts';

export type FirmwareVerdict = { readonly kind: 'accepted'; readonly lengthBytes: number } | TargetRefusal;

/** Whether bytes are exactly the firmware that signed metadata names. Reads no further than one chunk too many. */
export async function verifyFirmware(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  expected: ExpectedFile,
): Promise<FirmwareVerdict> {
  const verifier = createTargetVerifier(expected);
  for await (const chunk of chunks) {
    const pushed = verifier.push(chunk);
    if (pushed.kind === 'refused') return pushed;
  }
  const verdict = verifier.end();
  return verdict.kind === 'refused' ? verdict : { kind: 'accepted', lengthBytes: expected.length };
}

/**
 * Firmware as it comes, for a writer that cannot hold it twice. The last byte is held back until all of it has verified,
 * so what was written is whole only if it is good. Throws `device.firmware_refused` otherwise.
 */
export async function* openVerifiedStream(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  expected: ExpectedFile,
): AsyncGenerator<Uint8Array> {
  const verifier = createTargetVerifier(expected);
  for await (const chunk of chunks) {
    const pushed = verifier.push(chunk);
    if (pushed.kind === 'refused') throw refused(pushed);
    yield* pushed.bytes;
  }
  const verdict = verifier.end();
  if (verdict.kind === 'refused') throw refused(verdict);
  if (verdict.bytes.length > 0) yield verdict.bytes;
}

function refused({ reason, explanation }: TargetRefusal): DeviceError {
  return new DeviceError('device.firmware_refused', explanation, { details: { reason } });
}
