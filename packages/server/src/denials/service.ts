import type { Clock, JsonObject, Transactor } from '@fleetward/core';
import { type DenialCause, denialCauses } from '@fleetward/protocol';
import type { Trail } from '../trail/index.ts';
import type { Denial, DenialFilter, DenialReport } from './denial.ts';
import { type MinuteTotal, MinuteTotals } from './minute-totals.ts';
import { Ring } from './ring.ts';
import { clipReport, matchesFilter } from './rules.ts';

export interface DenialsOptions {
  readonly clock: Clock;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly settings: {
    /** Denials kept in memory for operators. */
    readonly keptMax: number;
    /** Distinct trail entries a minute; the rest is counted under one. */
    readonly causesPerMinuteMax: number;
  };
}

/**
 * What was refused and why: each denial at once and in memory for the operator, counted since the start, and one trail
 * entry a cause, principal and minute, so that whoever is refused a million times does not write a million entries.
 */
export class Denials {
  readonly #options: DenialsOptions;
  readonly #ring: Ring<Denial>;
  readonly #totals: MinuteTotals;
  readonly #counts = new Map<DenialCause, number>(denialCauses.map((cause) => [cause, 0]));
  #seq = 0;

  constructor(options: DenialsOptions) {
    this.#options = options;
    this.#ring = new Ring(options.settings.keptMax);
    this.#totals = new MinuteTotals(options.settings.causesPerMinuteMax);
  }

  /** Cheap and synchronous; never throws, so that it can stand on the path of a refusal. */
  record(report: DenialReport): void {
    const atMs = this.#options.clock.now();
    const clipped = clipReport(report);
    this.#ring.add({ ...clipped, seq: ++this.#seq, atMs });
    this.#counts.set(report.cause, (this.#counts.get(report.cause) ?? 0) + 1);
    this.#totals.add(clipped, atMs);
  }

  /** The newest denials first. */
  list(filter: DenialFilter): readonly Denial[] {
    return this.#ring
      .newestFirst()
      .filter((denial) => matchesFilter(denial, filter))
      .take(filter.limit)
      .toArray();
  }

  /** How many there were of each cause since the process started. */
  counts(): ReadonlyMap<DenialCause, number> {
    return this.#counts;
  }

  /**
   * Writes the totals of the minutes that have ended by `nowMs` to the trail; `Infinity` writes all, for shutdown. What
   * cannot be written is kept for the next call.
   */
  async flush(nowMs: number): Promise<void> {
    const totals = this.#totals.take(nowMs);
    if (totals.length === 0) return;
    try {
      await this.#options.transactor.transact(async (tx) => {
        for (const total of totals) {
          const kind = total.cause === 'limit' ? 'limits.aggregated' : 'denials.aggregated';
          await this.#options.trail.append(tx, {
            kind,
            actor: { kind: 'system' },
            payload: payloadOf(total),
          });
        }
      });
    } catch (error) {
      this.#totals.restore(totals);
      throw error;
    }
  }
}

function payloadOf(total: MinuteTotal): JsonObject {
  const { action, resource, explanation, thingName, clientId, remoteAddress } = total.example;
  return {
    cause: total.cause,
    principal: total.principal,
    minuteMs: total.minuteMs,
    count: total.count,
    example: {
      explanation,
      remoteAddress,
      ...(action === undefined ? {} : { action }),
      ...(resource === undefined ? {} : { resource }),
      ...(thingName === undefined ? {} : { thingName }),
      ...(clientId === undefined ? {} : { clientId }),
    },
  };
}
