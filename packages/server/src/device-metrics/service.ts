import {
  type Clock,
  parseThingName,
  type ThingName,
  type Transaction,
  type Transactor,
} from '@fleetward/core';
import { Inbox } from '../inbox.ts';
import { StoreError } from '../store-error.ts';
import { TokenBuckets } from '../token-buckets.ts';
import type { Actor, Trail } from '../trail/index.ts';
import { DeviceMetricsError } from './errors.ts';
import { numbersOf } from './numbers.ts';
import { type ReportForm, type ReportLimits, readReport } from './read-report.ts';
import { type Rejection, ReportRefusal, rejection } from './refusal.ts';
import type { MetricsReport } from './report.ts';
import { type Bucket, Buckets } from './rules.ts';
import type { DeviceMetricsStore, ReportKey, ReportSummary, StoredReport } from './store.ts';
import { type Accepted, ReportWriter, type WriterLimits } from './writer.ts';

export interface DeviceMetricsLimits extends ReportLimits, WriterLimits {
  readonly retentionDays: number;
  readonly attemptsPerSecondMax: number;
  readonly reportsPendingMax: number;
  readonly bytesPendingMax: number;
}

export interface DeviceMetricsOptions {
  readonly store: DeviceMetricsStore;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  /** Whether the thing is registered. */
  readonly isThing: (thingName: ThingName) => boolean;
  readonly limits: DeviceMetricsLimits;
}

export interface TimeRange {
  readonly fromMs: number;
  readonly toMs: number;
}

const dayMs = 86_400_000;
const pageSize = 1_000;
/** Of one answer. */
const bucketsMax = 1_000;
/** Reports of one transaction: those that come, and those that are removed for their age. */
const reportsPerTransaction = 200;
const turnsMax = 50;

/** What devices report of themselves, as AWS IoT Device Defender takes it, kept for a time. */
export class DeviceMetrics {
  readonly counts = { accepted: 0, rejected: 0, throttled: 0, removed: 0 };
  readonly #options: DeviceMetricsOptions;
  readonly #attempts: TokenBuckets;
  readonly #writer: ReportWriter;
  readonly #inbox: Inbox<StoredReport, Accepted | Rejection>;
  #bytesPending = 0;

  constructor(options: DeviceMetricsOptions) {
    this.#options = options;
    const { clock, limits } = options;
    this.#attempts = new TokenBuckets({ clock, perSecondMax: limits.attemptsPerSecondMax });
    this.#writer = new ReportWriter({
      ...options,
      removed: (count) => {
        this.counts.removed += count;
      },
    });
    this.#inbox = new Inbox({
      waitingMax: limits.reportsPendingMax,
      batchMax: reportsPerTransaction,
      write: (reports) => this.#writer.write(reports),
    });
  }

  /** Reports that wait to be kept. */
  get pending(): number {
    return this.#inbox.waiting;
  }

  get reportBytesMax(): number {
    return this.#options.limits.reportBytesMax;
  }

  /** Durable when it resolves. */
  async report(thingName: string, payload: Uint8Array, form: ReportForm): Promise<Accepted | Rejection> {
    const answer = await this.#report(thingName, payload, form);
    if (answer.kind === 'accepted') this.counts.accepted++;
    else this.counts[answer.code === 'Throttled' ? 'throttled' : 'rejected']++;
    return answer;
  }

  async #report(name: string, payload: Uint8Array, form: ReportForm): Promise<Accepted | Rejection> {
    const { isThing, limits } = this.#options;
    const thingName = /^[a-zA-Z0-9:_-]{1,128}$/.test(name) ? parseThingName(name) : undefined;
    if (thingName === undefined || !isThing(thingName))
      return rejection('ResourceNotFound', 'there is no such thing');
    if (this.#attempts.take(thingName).kind === 'refused')
      return rejection('Throttled', `a thing sends at most ${limits.attemptsPerSecondMax} reports a second`);
    try {
      return await this.#keep(this.#received(thingName, readReport(payload, form, limits)));
    } catch (error) {
      if (error instanceof ReportRefusal) return rejection('InvalidPayload', error.message);
      if (error instanceof StoreError && error.code === 'store.busy')
        return rejection('Throttled', 'too many reports wait: try again later');
      throw error;
    }
  }

  async #keep(report: StoredReport): Promise<Accepted | Rejection> {
    const { bytesPendingMax } = this.#options.limits;
    if (this.#bytesPending + report.bytes > bytesPendingMax)
      throw new StoreError('store.busy', `more than \`${bytesPendingMax}\` bytes of reports wait`);
    this.#bytesPending += report.bytes;
    try {
      return await this.#inbox.put(report);
    } finally {
      this.#bytesPending -= report.bytes;
    }
  }

  #received(thingName: ThingName, report: MetricsReport): StoredReport {
    const numbers = numbersOf(report);
    const bytes = Buffer.byteLength(JSON.stringify(report)) + Buffer.byteLength(JSON.stringify(numbers));
    const reportId = report.header.report_id;
    return { thingName, reportId, receivedAtMs: this.#options.clock.now(), bytes, numbers, report };
  }

  /** The newest first. */
  list(
    thingName: ThingName,
    range: TimeRange & { readonly before?: number; readonly limit: number },
  ): Promise<readonly ReportSummary[]> {
    return this.#options.store.list(thingName, range);
  }

  /** The newest one without an id. Throws `device_metrics.not_found`. */
  async get(thingName: ThingName, reportId?: number): Promise<StoredReport> {
    const { store } = this.#options;
    const found =
      reportId === undefined ? await store.newest(thingName) : await store.find(thingName, reportId);
    if (found !== undefined) return found;
    const which = reportId === undefined ? 'report' : `report \`${reportId}\``;
    throw new DeviceMetricsError('device_metrics.not_found', `\`${thingName}\` has no ${which}`);
  }

  /** What a metric that is a number was. Throws `device_metrics.range_too_long`. */
  async history(
    thingName: ThingName,
    {
      metricName,
      bucketMs,
      ...range
    }: TimeRange & { readonly metricName: string; readonly bucketMs: number },
  ): Promise<readonly Bucket[]> {
    if ((range.toMs - range.fromMs) / bucketMs > bucketsMax)
      throw new DeviceMetricsError(
        'device_metrics.range_too_long',
        `the time from \`${range.fromMs}\` to \`${range.toMs}\` has more than ${bucketsMax} stretches of ${bucketMs / 1_000} seconds`,
      );
    const buckets = new Buckets(bucketMs);
    for await (const { receivedAtMs, numbers } of this.#numbers(thingName, range)) {
      const value = Object.hasOwn(numbers, metricName) ? numbers[metricName] : undefined;
      if (value !== undefined) buckets.add(receivedAtMs, value);
    }
    return buckets.inOrder();
  }

  async *#numbers(thingName: ThingName, range: TimeRange) {
    const { store } = this.#options;
    let after: number | undefined;
    do {
      const from = after === undefined ? {} : { after };
      const page = await store.numbers(thingName, { ...range, ...from, limit: pageSize });
      yield* page;
      after = page.length < pageSize ? undefined : page.at(-1)?.reportId;
    } while (after !== undefined);
  }

  /** Removes all reports of a thing; its report ids may begin anew. */
  async delete(thingName: ThingName, actor: Actor): Promise<void> {
    const { store, transactor, trail } = this.#options;
    await transactor.transact(async (tx) => {
      await store.forget(tx, thingName);
      await trail.append(tx, { kind: 'device_metrics.deleted', actor, payload: { thingName } });
    });
  }

  /** In the transaction that removes the thing. */
  forgetThing(tx: Transaction, thingName: ThingName): Promise<void> {
    return this.#options.store.forget(tx, thingName);
  }

  /** Removes reports that are too old, in small turns: what is left waits for the next time. */
  async removeOld(): Promise<void> {
    const { clock, limits, transactor, store } = this.#options;
    const beforeMs = clock.now() - limits.retentionDays * dayMs;
    let old: readonly ReportKey[] = [];
    for (let turn = 0; turn < turnsMax && (turn === 0 || old.length === reportsPerTransaction); turn++)
      old = await transactor.transact(async (tx) => {
        const found = await store.receivedBefore(tx, beforeMs, reportsPerTransaction);
        await this.#writer.remove(tx, found);
        return found;
      });
  }
}
