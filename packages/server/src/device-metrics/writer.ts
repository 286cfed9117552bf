import type { ThingName, Transaction, Transactor } from '@fleetward/core';
import { type Rejection, rejection } from './refusal.ts';
import { inTheWay, isBeyond, type KeptLimits, refusalOf, withoutReports, withReport } from './rules.ts';
import type { DeviceMetricsStore, ReportHead, ReportKey, StoredReport } from './store.ts';

/** A report is kept. */
export interface Accepted {
  readonly kind: 'accepted';
  readonly thingName: ThingName;
  readonly reportId: number;
}

export interface WriterLimits extends KeptLimits {
  readonly intervalSecondsMin: number;
}

interface WriterParts {
  readonly store: DeviceMetricsStore;
  readonly transactor: Transactor;
  readonly limits: WriterLimits;
  /** Told of reports that have made room, when they are gone for good. */
  readonly removed: (count: number) => void;
}

/** As many of the oldest reports of a thing give way to one that comes. */
const removalsMax = 1_000;

type Heads = Map<ThingName, ReportHead>;

/** Keeps reports and what is known of them as a whole: never more of a thing than it may have. */
export class ReportWriter {
  readonly #parts: WriterParts;

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  /** All in one transaction, each after those before it. */
  write(reports: readonly StoredReport[]): Promise<readonly (Accepted | Rejection)[]> {
    return this.#parts.transactor.transact((tx) => this.#write(tx, reports));
  }

  async #write(
    tx: Transaction,
    reports: readonly StoredReport[],
  ): Promise<readonly (Accepted | Rejection)[]> {
    const { store } = this.#parts;
    const names = [...new Set(reports.map(({ thingName }) => thingName))];
    const registered = new Set(await store.registered(tx, names));
    const heads = await this.#heads(tx, names);
    const kept: StoredReport[] = [];
    const outcomes = reports.map((report) => {
      const refused = this.#refusalOf(report, registered, heads);
      if (refused !== undefined) return refused;
      kept.push(report);
      heads.set(report.thingName, withReport(heads.get(report.thingName), report));
      const { thingName, reportId } = report;
      return { kind: 'accepted', thingName, reportId } as const;
    });
    await store.add(tx, kept);
    await this.#makeRoom(tx, new Set(kept.map(({ thingName }) => thingName)), heads);
    return outcomes;
  }

  #refusalOf(report: StoredReport, registered: ReadonlySet<ThingName>, heads: Heads): Rejection | undefined {
    // It was registered when the report came.
    if (!registered.has(report.thingName)) return rejection('ResourceNotFound', 'there is no such thing');
    const intervalMs = this.#parts.limits.intervalSecondsMin * 1_000;
    return refusalOf(report, heads.get(report.thingName), intervalMs);
  }

  async #makeRoom(tx: Transaction, names: ReadonlySet<ThingName>, heads: Heads): Promise<void> {
    const { store, limits } = this.#parts;
    const changed: ReportHead[] = [];
    for (const thingName of names) {
      const head = heads.get(thingName)!;
      const gone = isBeyond(head, limits)
        ? inTheWay(head, await store.oldest(tx, thingName, removalsMax), limits)
        : [];
      changed.push(await this.#without(tx, head, gone));
    }
    await store.saveHeads(tx, changed);
  }

  /** Removes reports of any things. */
  async remove(tx: Transaction, reports: readonly ReportKey[]): Promise<void> {
    const byThing = Map.groupBy(reports, ({ thingName }) => thingName);
    const heads = await this.#heads(tx, [...byThing.keys()]);
    const changed: ReportHead[] = [];
    for (const [thingName, gone] of byThing) {
      const head = heads.get(thingName);
      if (head !== undefined) changed.push(await this.#without(tx, head, gone));
    }
    await this.#parts.store.saveHeads(tx, changed);
  }

  async #without(tx: Transaction, head: ReportHead, gone: readonly ReportKey[]): Promise<ReportHead> {
    if (gone.length === 0) return head;
    const ids = gone.map(({ reportId }) => reportId);
    await this.#parts.store.remove(tx, head.thingName, ids);
    tx.afterCommit(() => this.#parts.removed(gone.length));
    return withoutReports(head, gone);
  }

  async #heads(tx: Transaction, names: readonly ThingName[]): Promise<Heads> {
    const heads = await this.#parts.store.heads(tx, names);
    return new Map(heads.map((head) => [head.thingName, head]));
  }
}
