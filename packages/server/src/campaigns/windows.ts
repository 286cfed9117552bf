import type { MaintenanceWindow } from './terms.ts';

const minuteMs = 60_000;
const dayMinutes = 1_440;
/** A window is open, and shut, for at least twice as long: steps of this length miss neither. */
const stepMinutes = 15;
const stepsMax = (8 * dayMinutes) / stepMinutes;
const zonesMax = 1_000;
const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** Whether a window is open somewhere, and until when that stays so. */
export interface Opening {
  readonly isOpen: boolean;
  readonly untilMs: number;
}

/** How long the window is open, minutes. */
export function windowMinutes({ fromMinute, toMinute }: MaintenanceWindow): number {
  return (toMinute - fromMinute + dayMinutes) % dayMinutes || dayMinutes;
}

/** The shortest time for which a window may be open, or shut. */
export const windowMinutesMin = 2 * stepMinutes;

/** A maintenance window in the time zones of the devices; what was worked out for a zone holds for every device there. */
export class WindowClock {
  readonly #window: MaintenanceWindow;
  readonly #known = new Map<string, Opening & { readonly fromMs: number }>();

  constructor(window: MaintenanceWindow) {
    this.#window = window;
  }

  /** `undefined` for a time zone that there is not. */
  at(timeZone: string | undefined, nowMs: number): Opening | undefined {
    const zone = timeZone ?? this.#window.timeZone;
    const known = this.#known.get(zone);
    if (known !== undefined && known.fromMs <= nowMs && nowMs < known.untilMs) return known;
    const format = wallClockOf(zone);
    if (format === undefined) return undefined;
    const isOpenAt = (atMs: number) => isWithin(this.#window, wallTime(format, atMs));
    const opening = { isOpen: isOpenAt(nowMs), untilMs: nextChange(nowMs, isOpenAt), fromMs: nowMs };
    if (this.#known.size >= zonesMax) this.#known.clear();
    this.#known.set(zone, opening);
    return opening;
  }
}

export function isTimeZone(name: string): boolean {
  return wallClockOf(name) !== undefined;
}

function wallClockOf(timeZone: string): Intl.DateTimeFormat | undefined {
  try {
    const time = { weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
    return new Intl.DateTimeFormat('en-US', { timeZone, ...time });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

interface WallTime {
  readonly day: number;
  readonly minute: number;
}

/** What the clock on the wall shows there; daylight saving time is in it. */
function wallTime(format: Intl.DateTimeFormat, atMs: number): WallTime {
  const parts = Object.fromEntries(format.formatToParts(atMs).map(({ type, value }) => [type, value]));
  const { weekday = '', hour, minute } = parts;
  return { day: weekdays.indexOf(weekday), minute: Number(hour) * 60 + Number(minute) };
}

function isWithin({ days, fromMinute, toMinute }: MaintenanceWindow, { day, minute }: WallTime): boolean {
  const isToday = days.includes(day);
  if (fromMinute < toMinute) return isToday && minute >= fromMinute && minute < toMinute;
  const wasYesterday = days.includes((day + 6) % 7);
  return (isToday && minute >= fromMinute) || (wasYesterday && minute < toMinute);
}

/** The first minute at which it is otherwise than now; about eight days on where there is none. */
function nextChange(nowMs: number, isOpenAt: (atMs: number) => boolean): number {
  const isOpen = isOpenAt(nowMs);
  let beforeMs = nowMs - (nowMs % minuteMs);
  for (let step = 0; step < stepsMax; step++) {
    const atMs = beforeMs + stepMinutes * minuteMs;
    if (isOpenAt(atMs) !== isOpen) break;
    beforeMs = atMs;
  }
  for (let minute = 1; minute <= stepMinutes; minute++)
    if (isOpenAt(beforeMs + minute * minuteMs) !== isOpen) return beforeMs + minute * minuteMs;
  return beforeMs;
}
