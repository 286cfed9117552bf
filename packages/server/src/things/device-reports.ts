import type { Clock, JsonObject, ThingName, Transactor } from '@fleetward/core';
import { TokenBuckets } from '../token-buckets.ts';
import { ThingsError } from './errors.ts';
import type { ThingRegistry } from './registry.ts';
import { ReportWriter } from './report-writer.ts';
import { assertReport } from './rules.ts';
import type { DeviceReport, ThingStore } from './store.ts';

/** What devices may load the records with by reporting. */
export interface ReportLimits {
  /** Reports a second of one thing, and as many at once. */
  readonly reportsPerSecondMax: number;
  /** Transactions at once that keep reports, over all things. */
  readonly reportTransactionsMax: number;
  /** Things with a report that waits for such a transaction. */
  readonly reportsPendingMax: number;
}

const standardReportLimits: ReportLimits = {
  reportsPerSecondMax: 10,
  reportTransactionsMax: 64,
  reportsPendingMax: 1_024,
};

export interface DeviceReportsParts {
  readonly store: Pick<ThingStore, 'saveReport' | 'findReport' | 'reports'>;
  readonly transactor: Transactor;
  readonly clock: Clock;
  readonly registry: Pick<ThingRegistry, 'get'>;
  /** Told of each report that is kept. */
  readonly reported?: (report: DeviceReport) => void;
  readonly reportLimits?: ReportLimits;
}

/** What devices last said of themselves, one report a thing. Device data: it does not enter the trail. */
export class DeviceReports {
  readonly #parts: DeviceReportsParts;
  readonly #rate: TokenBuckets;
  readonly #writer: ReportWriter;

  constructor(parts: DeviceReportsParts) {
    this.#parts = parts;
    const { clock, store, transactor, reported, reportLimits: limits = standardReportLimits } = parts;
    this.#rate = new TokenBuckets({ clock, perSecondMax: limits.reportsPerSecondMax });
    this.#writer = new ReportWriter({
      write: (report) =>
        transactor.transact(async (tx) => {
          await store.saveReport(tx, report);
          tx.afterCommit(() => reported?.(report));
        }),
      writesMax: limits.reportTransactionsMax,
      waitingMax: limits.reportsPendingMax,
    });
  }

  /**
   * Keeps what a device says of itself, at most 16 KiB; resolves when this report or a newer one is kept. Throws `things.not_found`,
   * `things.too_many_reports`, `things.invalid`.
   */
  async save(thingName: ThingName, report: JsonObject): Promise<void> {
    this.#parts.registry.get(thingName);
    const turn = this.#rate.take(thingName);
    if (turn.kind === 'refused') throw tooManyReports(turn.retryAfterSeconds);
    await this.note(thingName, report);
  }

  /** The same of what the platform gathers from the device's other words: how often the device reports does not hold it up. */
  async note(thingName: ThingName, report: JsonObject): Promise<void> {
    this.#parts.registry.get(thingName);
    assertReport(report);
    await this.#writer.save({ thingName, receivedAtMs: this.#parts.clock.now(), report });
  }

  find(thingName: ThingName): Promise<DeviceReport | undefined> {
    return this.#parts.store.findReport(thingName);
  }

  /** By the names of their things. */
  page(range: { readonly after?: ThingName; readonly limit: number }): Promise<readonly DeviceReport[]> {
    return this.#parts.store.reports(range);
  }
}

function tooManyReports(retryAfterSeconds: number): ThingsError {
  return new ThingsError(
    'things.too_many_reports',
    `the thing reports too often: try again in ${retryAfterSeconds} s`,
    { details: { retryAfterSeconds } },
  );
}
