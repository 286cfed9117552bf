import type { DenialCause } from '@fleetward/protocol';
import type { DenialReport } from './denial.ts';
import { isStranger, principalOf } from './rules.ts';

/** All denials of one cause and principal within one minute. */
export interface MinuteTotal {
  /** Start of the minute, milliseconds since the epoch. */
  readonly minuteMs: number;
  readonly cause: DenialCause;
  /** `many` and `many addresses`: what came after the minute's bound on distinct causes and principals. */
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
  readonly #bounds: MinuteBounds;
  readonly #minutes = new Map<number, Minute>();

  constructor(bounds: MinuteBounds) {
    this.#bounds = bounds;
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
    for (const [minuteMs, { totals }] of this.#minutes) {
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
    else if (this.#hasRoom(minute, what)) addTotal(minute, what);
    else this.#countOverflow(minute, what);
  }

  /** Strangers have a small share of their own: addresses cost an attacker nothing, and each total becomes a trail entry. */
  #hasRoom(minute: Minute, { example }: Pick<MinuteTotal, 'example'>): boolean {
    return isStranger(example)
      ? minute.strangers < this.#bounds.strangersPerMinuteMax
      : minute.totals.size - minute.strangers < this.#bounds.causesPerMinuteMax;
  }

  #countOverflow(minute: Minute, what: Omit<MinuteTotal, 'minuteMs'>): void {
    const overflow = { ...what, principal: isStranger(what.example) ? 'many addresses' : 'many' };
    const known = minute.totals.get(keyOf(overflow));
    if (known !== undefined) known.count += what.count;
    else addTotal(minute, overflow);
  }

  #minute(minuteMs: number): Minute {
    const known = this.#minutes.get(minuteMs);
    if (known !== undefined) return known;
    const newest = this.#minutes.size < minutesWaitingMax ? undefined : [...this.#minutes.values()].at(-1);
    if (newest !== undefined) return newest;
    const minute = { minuteMs, totals: new Map<string, MinuteTotal>(), strangers: 0 };
    this.#minutes.set(minuteMs, minute);
    return minute;
  }
}

/** Distinct causes and principals that are told apart within a minute. */
export interface MinuteBounds {
  /** Of certificates. */
  readonly causesPerMinuteMax: number;
  /** Of peers without one. */
  readonly strangersPerMinuteMax: number;
}

interface Minute {
  readonly minuteMs: number;
  readonly totals: Map<string, MinuteTotal>;
  strangers: number;
}

function addTotal(minute: Minute, what: Omit<MinuteTotal, 'minuteMs'>): void {
  minute.totals.set(keyOf(what), { ...what, minuteMs: minute.minuteMs });
  if (isStranger(what.example)) minute.strangers++;
}

function keyOf(what: Pick<MinuteTotal, 'cause' | 'principal'>): string {
  return `${what.cause} ${what.principal}`;
}
