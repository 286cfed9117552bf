import { DeviceError } from '../errors.ts';

export interface Pace {
  readonly bytesPerSecondMin: number;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonicMs: () => number;
}

/** How long a stream may stay behind its pace: a link that stops for a moment is not a slow one. */
const windowMs = 30_000;

/**
 * The chunks of a stream, as long as it keeps up: a repository that sends a byte now and then would hold a pass for ever.
 * One that sends nothing at all is the transport's to give up. Throws `device.too_slow`.
 */
export async function* notTooSlow(
  chunks: AsyncIterable<Uint8Array>,
  { bytesPerSecondMin, monotonicMs }: Pace,
): AsyncGenerator<Uint8Array> {
  let windowStartMs = monotonicMs();
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    yield chunk;
    const passedMs = monotonicMs() - windowStartMs;
    if (passedMs < windowMs) continue;
    if (bytes < (bytesPerSecondMin * passedMs) / 1000)
      throw new DeviceError(
        'device.too_slow',
        `${bytes} bytes in ${Math.round(passedMs / 1000)} s are too few`,
      );
    windowStartMs = monotonicMs();
    bytes = 0;
  }
}
