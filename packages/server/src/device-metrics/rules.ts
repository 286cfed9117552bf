import { type Rejection, rejection } from './refusal.ts';
import type { ReportHead, ReportKey, ReportSummary } from './store.ts';

/** Whether a report may follow what its thing reported before: its id rises, and it comes no sooner than the interval after it. */
export function refusalOf(
  { reportId, receivedAtMs }: Pick<ReportSummary, 'reportId' | 'receivedAtMs'>,
  head: ReportHead | undefined,
  intervalMs: number,
): Rejection | undefined {
  if (head === undefined) return undefined;
  if (reportId <= head.reportId)
    return rejection(
      'InvalidPayload',
      `report_id is ${reportId} and must be above ${head.reportId}, that of the report before`,
    );
  // A clock that was set back is no reason to wait.
  const sinceMs = receivedAtMs - head.receivedAtMs;
  if (sinceMs < 0 || sinceMs >= intervalMs) return undefined;
  return rejection('Throttled', `one report in ${intervalMs / 1_000} seconds is accepted of a thing`);
}

export function withReport(
  head: ReportHead | undefined,
  { thingName, reportId, receivedAtMs, bytes }: ReportSummary,
): ReportHead {
  const { reports = 0, bytes: before = 0 } = head ?? {};
  return { thingName, reportId, receivedAtMs, reports: reports + 1, bytes: before + bytes };
}

export function withoutReports(head: ReportHead, gone: readonly ReportKey[]): ReportHead {
  const bytes = gone.reduce((sum, report) => sum + report.bytes, 0);
  return { ...head, reports: head.reports - gone.length, bytes: head.bytes - bytes };
}

export interface KeptLimits {
  readonly reportsPerThingMax: number;
  readonly bytesPerThingMax: number;
}

export function isBeyond({ reports, bytes }: ReportHead, limits: KeptLimits): boolean {
  return reports > limits.reportsPerThingMax || bytes > limits.bytesPerThingMax;
}

/** How many of the oldest make room, so that the thing has no more than it may. */
export function inTheWay(
  head: ReportHead,
  oldest: readonly ReportKey[],
  limits: KeptLimits,
): readonly ReportKey[] {
  let count = 0;
  while (count < oldest.length && isBeyond(withoutReports(head, oldest.slice(0, count)), limits)) count++;
  return oldest.slice(0, count);
}

export interface Bucket {
  readonly fromMs: number;
  readonly count: number;
  readonly min: number;
  readonly avg: number;
  readonly max: number;
}

/** Gathers values into stretches of time that begin at multiples of their length; empty ones are left out. */
export class Buckets {
  readonly #lengthMs: number;
  readonly #buckets = new Map<number, { count: number; min: number; avg: number; max: number }>();

  constructor(lengthMs: number) {
    this.#lengthMs = lengthMs;
  }

  add(atMs: number, value: number): void {
    const fromMs = Math.floor(atMs / this.#lengthMs) * this.#lengthMs;
    const bucket = this.#buckets.get(fromMs) ?? { count: 0, min: value, avg: 0, max: value };
    bucket.count++;
    bucket.min = Math.min(bucket.min, value);
    bucket.max = Math.max(bucket.max, value);
    // A running mean: a sum of large values would leave the range of a double.
    bucket.avg += value / bucket.count - bucket.avg / bucket.count;
    this.#buckets.set(fromMs, bucket);
  }

  inOrder(): readonly Bucket[] {
    return [...this.#buckets]
      .sort(([one], [other]) => one - other)
      .map(([fromMs, bucket]) => ({ fromMs, ...bucket }));
  }
}
