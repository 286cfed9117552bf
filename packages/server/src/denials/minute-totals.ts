import type { DenialCause } from '@fleetward/protocol';
import type { DenialReport } from './denial.ts';
import { principalOf } from './rules.ts';

/** All denials of one cause and principal within one minute. */
export interface MinuteTotal {
  /** Start of the minute, milliseconds since the epoch. */
  readonly minuteMs: number;
  /** `other`: what came after the minute's bound on distinct causes and principals. */
  readonly cause: DenialCause | 'other';
  readonly principal: string;
  count: number;
  /** One of them, as an example. */
  readonly example: DenialReport;
}

const minuteLengthMs = 60_000;
// When the trail cannot be written for this long, whatever else comes is counted under a single total.
const minutesWaitingMax = 10;

/** Counts denials by cause, principal and minute until they are taken for the trail; its size is bounded whatever arrives. */
export class MinuteTotals {
  readonly #keysPerMinuteMax: number;
  readonly #minutes = new Map<number, Map<string, MinuteTotal>>();

  constructor(keysPerMinuteMax: number) {
    this.#keysPerMinuteMax = keysPerMinuteMax;
  }

  add(report: DenialReport, atMs: number): void {
    const principal = principalOf(report);
    this.#count(atMs - (atMs % minuteLengthMs), {
      cause: report.cause,
      principal,
      count: 1,
      example: report,
    });
  }

  /** Removes and returns the totals of minutes that ended before `endedBeforeMs`. */
  take(endedBeforeMs: number): readonly MinuteTotal[] {
    const taken: MinuteTotal[] = [];
    for (const [minuteMs, totals] of this.#minutes) {
      if (minuteMs + minuteLengthMs > endedBeforeMs) continue;
      taken.push(...totals.values());
      this.#minutes.delete(minuteMs);
    }
    return taken;
  }

  /** Takes back totals that could not be written. */
  restore(totals: readonly MinuteTotal[]): void {
    for (const total of totals) this.#count(total.minuteMs, total);
  }

  #count(minuteMs: number, what: Omit<MinuteTotal, 'minuteMs'>): void {
    const minute = this.#minute(minuteMs);
    const known = minute.totals.get(keyOf(what));
    if (known !== undefined) known.count += what.count;
    else if (minute.totals.size < this.#keysPerMinuteMax)
      minute.totals.set(keyOf(what), { ...what, minuteMs: minute.minuteMs });
    else this.#countOverflow(minute, what);
  }

  #countOverflow(minute: Minute, what: Omit<MinuteTotal, 'minuteMs'>): void {
    const overflow = { ...what, cause: 'other', principal: 'many' } as const;
    const known = minute.totals.get(keyOf(overflow));
    if (known !== undefined) known.count += what.count;
    else minute.totals.set(keyOf(overflow), { ...overflow, minuteMs: minute.minuteMs });
  }

  #minute(minuteMs: number): Minute {
    const known = this.#minutes.get(minuteMs);
    if (known !== undefined) return { minuteMs, totals: known };
    const newest = this.#minutes.size < minutesWaitingMax ? undefined : [...this.#minutes].at(-1);
    if (newest !== undefined) return { minuteMs: newest[0], totals: newest[1] };
    const totals = new Map<string, MinuteTotal>();
    this.#minutes.set(minuteMs, totals);
    return { minuteMs, totals };
  }
}

interface Minute {
  readonly minuteMs: number;
  readonly totals: Map<string, MinuteTotal>;
}

function keyOf(what: Pick<MinuteTotal, 'cause' | 'principal'>): string {
  return `${what.cause} ${what.principal}`;
}
