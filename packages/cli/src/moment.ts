import { usage } from './errors.ts';

const unitMs: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** Milliseconds of `30s`, `15m`, `24h`, `90d` or `2w`; `flag` is named when it is none. */
export function parseDurationMs(text: string, flag: string): number {
  const [, count, unit] = /^([1-9][0-9]{0,6})([smhdw])$/.exec(text) ?? [];
  if (count === undefined || unit === undefined) {
    throw usage(
      `\`${flag} ${text}\` is not a duration: expected a number and s, m, h, d or w, such as \`24h\``,
    );
  }
  return Number(count) * (unitMs[unit] ?? 0);
}

/** A point in time: `2026-05-01`, `2026-05-01T12:00:00Z`, or a duration such as `1h`: before now, or from now where it lies ahead. */
export function parseMomentMs(
  text: string,
  {
    flag,
    nowMs,
    isAhead = false,
  }: { readonly flag: string; readonly nowMs: number; readonly isAhead?: boolean },
): number {
  if (/^[1-9][0-9]{0,6}[smhdw]$/.test(text)) return nowMs + (isAhead ? 1 : -1) * parseDurationMs(text, flag);
  const ms = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms) || ms < 0) {
    throw usage(
      `\`${flag} ${text}\` is not a time: expected \`2026-05-01T12:00:00Z\` or a duration such as \`1h\``,
    );
  }
  return ms;
}

const steps: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
];

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'always' });
// The Swedish form is ISO 8601's, in local time.
const local = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'medium' });

/** Local time and how far away it is: `2026-05-01 14:00:00 (3 hours ago)`. */
export function formatMoment(ms: number, nowMs: number): string {
  const distance = ms - nowMs;
  const [unit, size] = steps.find(([, step]) => Math.abs(distance) >= step) ?? (['second', 1_000] as const);
  return `${local.format(ms)} (${relative.format(Math.trunc(distance / size), unit)})`;
}
