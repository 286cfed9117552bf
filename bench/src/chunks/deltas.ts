import { createHash } from 'node:crypto';
import {
  type AssemblyStep,
  type ChunkIndex,
  formatChunkIndex,
  placesOf,
  planAssembly,
  planLimits,
  remoteBytes,
} from '@fleetward/updates';
import { rounded } from '../figures.ts';
import { cut, hash } from './cut.ts';
import { spentOn } from './speed.ts';

export interface Images {
  readonly old: Uint8Array;
  readonly new: Uint8Array;
}

/** What a device with the old image fetches of the new one. */
export interface ChunkDelta {
  readonly wishedBytes: number;
  readonly indexBytes: number;
  readonly rangeBytes: number;
  readonly requests: number;
  /** What it lacks: less than the ranges, which are joined where they are near or too many. */
  readonly lackedBytes: number;
  /** Cutting the old image and planning: the device's work. */
  readonly cpuSeconds: number;
}

/** The client's own plan for chunks of that size, from a quarter to four times of it. The image is put together and compared. */
export function chunkDelta(images: Images, wishedBytes: number): ChunkDelta {
  const sizes = { min: wishedBytes / 4, wished: wishedBytes, max: wishedBytes * 4 };
  const want = cut(images.new, sizes);
  const index = formatChunkIndex(want);
  if (index === undefined) throw new RangeError(`the index of chunks of ${wishedBytes} bytes is too large`);
  const planned = spentOn(() => {
    const have = cut(images.old, sizes);
    return { have, steps: planWith(want, { have, limits: planLimits }) };
  });
  const { have, steps } = planned.result;
  assertMakesTheImage(images, steps);
  const lacked = planWith(want, { have, limits: { rangesMax: Number.POSITIVE_INFINITY, gapBytesMin: 0 } });
  return {
    wishedBytes,
    indexBytes: index.length,
    rangeBytes: remoteBytes(steps),
    requests: steps.filter(({ kind }) => kind === 'remote').length,
    lackedBytes: remoteBytes(lacked),
    cpuSeconds: rounded(planned.cpuSeconds),
  };
}

function planWith(
  want: ChunkIndex,
  { have, limits }: { readonly have: ChunkIndex; readonly limits: typeof planLimits },
): readonly AssemblyStep[] {
  return planAssembly(want, placesOf([have]), { ...limits, fromByte: 0 });
}

function assertMakesTheImage(images: Images, steps: readonly AssemblyStep[]): void {
  const sha256 = createHash('sha256');
  for (const { kind, startByte, lengthBytes } of steps) {
    const source = kind === 'local' ? images.old : images.new;
    sha256.update(source.subarray(startByte, startByte + lengthBytes));
  }
  if (sha256.digest('hex') !== hash(images.new)) throw new Error('the plan does not make the new image');
}
