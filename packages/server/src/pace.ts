const minuteMs = 60_000;

/** How fast devices are called: `fromMs` is the time up to which calls are spent. */
export interface Pace {
  readonly ratePerMinute: number;
  readonly fromMs: number;
}

/** The pace of a campaign that begins now: the first device is called at once. */
export function paceFrom(ratePerMinute: number, nowMs: number): Pace {
  return { ratePerMinute, fromMs: nowMs - Math.ceil(minuteMs / ratePerMinute) };
}

/** How many of those that wait may be called now, and the pace after it; after a standstill, never more than a minute's worth. */
export function takeCalls(
  { ratePerMinute, fromMs }: Pace,
  { nowMs, waiting }: { readonly nowMs: number; readonly waiting: number },
): { readonly count: number; readonly pace: Pace } {
  const sinceMs = Math.max(fromMs, nowMs - minuteMs);
  const due = Math.max(0, Math.floor(((nowMs - sinceMs) * ratePerMinute) / minuteMs));
  const count = Math.min(due, waiting);
  const spentMs = Math.ceil((count * minuteMs) / ratePerMinute);
  return { count, pace: { ratePerMinute, fromMs: count === 0 ? fromMs : sinceMs + spentMs } };
}
