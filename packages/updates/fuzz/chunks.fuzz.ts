import { createChunkIndexer, formatChunkIndex, parseChunkIndex } from '../src/chunks/chunk-index.ts';
import { placesOf, planAssembly } from '../src/chunks/plan.ts';
import { isUpdatesError } from '../src/errors.ts';

/** Indexes of small images. */
export const seeds: readonly Uint8Array[] = [0, 1, 100_000].map((lengthBytes) => {
  const indexer = createChunkIndexer();
  indexer.push(new Uint8Array(lengthBytes).map((_, at) => (at * at) >> 7));
  return formatChunkIndex(indexer.end()) ?? new Uint8Array(0);
});

/** No bytes make the parser do anything but accept or refuse; what it accepts is written as it was, and can be planned. */
export function fuzz(input: Uint8Array): void {
  try {
    const index = parseChunkIndex(input);
    if (!Buffer.from(formatChunkIndex(index) ?? []).equals(input)) throw new Error('written otherwise');
    const options = { fromByte: 0, rangesMax: 4, gapBytesMin: 0 };
    const [step, ...more] = planAssembly(index, placesOf([index]), options);
    const isWhole = step === undefined || more.length > 0 || step.lengthBytes === index.lengthBytes;
    if (!isWhole) throw new Error('the plan is not of the image');
  } catch (error) {
    if (!isUpdatesError(error)) throw error;
  }
}
