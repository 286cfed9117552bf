/** AWS IoT's exponential rate; a factor of 1 is a constant one. */
export interface Rate {
  readonly baseRatePerMinute: number;
  readonly incrementFactor: number;
  /** The rate grows by the factor each time so many more things were notified, or succeeded. */
  readonly increaseAfter?: { readonly of: 'notified' | 'succeeded'; readonly count: number };
  readonly maximumPerMinute: number;
}

/** Things that may be called a minute, now. */
export function rateNow(
  { baseRatePerMinute, incrementFactor, increaseAfter, maximumPerMinute }: Rate,
  reached: { readonly notified: number; readonly succeeded: number },
): number {
  if (increaseAfter === undefined) return Math.min(baseRatePerMinute, maximumPerMinute);
  const increases = Math.floor(reached[increaseAfter.of] / increaseAfter.count);
  // Far above any maximum long before; a power without bound would be infinite.
  const factor = incrementFactor ** Math.min(increases, 1_000);
  return Math.max(1, Math.floor(Math.min(baseRatePerMinute * factor, maximumPerMinute)));
}
