import { rounded } from '../figures.ts';

/** Milliseconds. */
export interface Distribution {
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

/** Nearest rank: each is a value that was measured. */
export function distributionOf(values: readonly number[]): Distribution {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => rounded(sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN);
  return { p50: at(0.5), p95: at(0.95), max: at(1) };
}
