import type { ThingName } from '@fleetward/core';
import { StoreError } from '../store-error.ts';
import type { DeviceReport } from './store.ts';

/** A report that waits for its turn, and everybody who is told when it, or a newer one in its place, is kept. */
interface Waiting {
  report: DeviceReport;
  readonly kept: PromiseWithResolvers<void>;
}

export interface ReportWriterOptions {
  readonly write: (report: DeviceReport) => Promise<void>;
  /** Writes at once, over all things. */
  readonly writesMax: number;
  /** Things with a report that waits for such a write. */
  readonly waitingMax: number;
}

/**
 * Writes reports one at a time for each thing and few at a time for all, so that devices never fill the queue that operators'
 * changes go through. A report that waits gives way to a newer one of its thing; both are answered when that one is kept.
 */
export class ReportWriter {
  readonly #options: ReportWriterOptions;
  readonly #writing = new Set<ThingName>();
  // In the order in which they began to wait.
  readonly #waiting = new Map<ThingName, Waiting>();

  constructor(options: ReportWriterOptions) {
    this.#options = options;
  }

  /** Resolves when the report, or a newer one of its thing, is kept; throws `store.busy` when too many wait. */
  save(report: DeviceReport): Promise<void> {
    const waiting = this.#waiting.get(report.thingName);
    if (waiting !== undefined) {
      waiting.report = report;
      return waiting.kept.promise;
    }
    const { waitingMax } = this.#options;
    if (this.#waiting.size >= waitingMax) {
      const message = `reports of more than \`${waitingMax}\` things wait: try again later`;
      return Promise.reject(new StoreError('store.busy', message));
    }
    const kept = Promise.withResolvers<void>();
    this.#waiting.set(report.thingName, { report, kept });
    this.#fill();
    return kept.promise;
  }

  #fill(): void {
    for (const [thingName, waiting] of this.#waiting) {
      if (this.#writing.size >= this.#options.writesMax) return;
      if (this.#writing.has(thingName)) continue;
      this.#waiting.delete(thingName);
      void this.#write(waiting);
    }
  }

  async #write({ report, kept }: Waiting): Promise<void> {
    this.#writing.add(report.thingName);
    try {
      await this.#options.write(report);
      kept.resolve();
    } catch (error) {
      kept.reject(error);
    } finally {
      this.#writing.delete(report.thingName);
      this.#fill();
    }
  }
}
