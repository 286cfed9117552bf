import { printable } from './printable.ts';
import type { Shell } from './shell.ts';

const redrawMs = 100;

/** Passes bytes on and, for a person at a terminal, draws how far they are on standard error. */
export async function* countingBytes(
  bytes: AsyncIterable<Uint8Array>,
  {
    label,
    totalBytes,
    fromByte,
    shell,
  }: {
    readonly label: string;
    readonly totalBytes: number;
    /** How far they were before. */
    readonly fromByte: number;
    readonly shell: Shell;
  },
): AsyncGenerator<Uint8Array, void, undefined> {
  const { stderr, clock } = shell.terminal;
  if (stderr.isTTY !== true || shell.output.json) {
    yield* bytes;
    return;
  }
  let sentBytes = fromByte;
  let drawnAtMs = 0;
  for await (const chunk of bytes) {
    yield chunk;
    sentBytes += chunk.length;
    if (clock.now() - drawnAtMs < redrawMs) continue;
    drawnAtMs = clock.now();
    stderr.write(`\r${progressText(label, { sentBytes, totalBytes })}`);
  }
  stderr.write(`\r${progressText(label, { sentBytes: totalBytes, totalBytes })}\n`);
}

function progressText(
  label: string,
  { sentBytes, totalBytes }: { readonly sentBytes: number; readonly totalBytes: number },
): string {
  const percent = totalBytes === 0 ? 100 : Math.floor((100 * sentBytes) / totalBytes);
  return `${printable(label)}  ${String(percent).padStart(3)} % of ${(totalBytes / 1_000_000).toFixed(1)} MB`;
}
