import type { ThingName, Transaction } from '@fleetward/core';
import type { Numbers } from './numbers.ts';
import type { MetricsReport } from './report.ts';

/** A report without what makes it long. */
export interface ReportSummary {
  readonly thingName: ThingName;
  readonly reportId: number;
  readonly receivedAtMs: number;
  /** What it takes in the records. */
  readonly bytes: number;
  readonly numbers: Numbers;
}

export interface StoredReport extends ReportSummary {
  readonly report: MetricsReport;
}

/** What is known of all reports of a thing, those that are gone included. */
export interface ReportHead {
  readonly thingName: ThingName;
  /** Of the newest that was accepted. */
  readonly reportId: number;
  readonly receivedAtMs: number;
  /** Those that are kept, and what they take. */
  readonly reports: number;
  readonly bytes: number;
}

export type ReportKey = Pick<ReportSummary, 'thingName' | 'reportId' | 'bytes'>;

export interface ReportRange {
  /** Included. */
  readonly fromMs: number;
  /** Not included. */
  readonly toMs: number;
  readonly limit: number;
}

export interface DeviceMetricsStore {
  /** Of these things, those that are registered as the transaction sees it. */
  registered(tx: Transaction, names: readonly ThingName[]): Promise<readonly ThingName[]>;
  heads(tx: Transaction, names: readonly ThingName[]): Promise<readonly ReportHead[]>;
  saveHeads(tx: Transaction, heads: readonly ReportHead[]): Promise<void>;
  add(tx: Transaction, reports: readonly StoredReport[]): Promise<void>;
  /** The first reports of a thing by their ids. */
  oldest(tx: Transaction, thingName: ThingName, limit: number): Promise<readonly ReportKey[]>;
  /** Of all things, those that were received before a time, the oldest first. */
  receivedBefore(tx: Transaction, beforeMs: number, limit: number): Promise<readonly ReportKey[]>;
  remove(tx: Transaction, thingName: ThingName, reportIds: readonly number[]): Promise<void>;
  /** Removes all that is known of a thing's reports. */
  forget(tx: Transaction, thingName: ThingName): Promise<void>;
  find(thingName: ThingName, reportId: number): Promise<StoredReport | undefined>;
  newest(thingName: ThingName): Promise<StoredReport | undefined>;
  /** The newest first, below that id. */
  list(
    thingName: ThingName,
    range: ReportRange & { readonly before?: number },
  ): Promise<readonly ReportSummary[]>;
  /** By rising id, above that one. */
  numbers(
    thingName: ThingName,
    range: ReportRange & { readonly after?: number },
  ): Promise<readonly Pick<ReportSummary, 'reportId' | 'receivedAtMs' | 'numbers'>[]>;
}
