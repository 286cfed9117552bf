import type { Clock, JsonObject, Transactor } from '@fleetward/core';
import { type DenialCause, denialCauses } from '@fleetward/protocol';
import type { Trail } from '../trail/index.ts';
import type { Denial, DenialFilter, DenialReport } from './denial.ts';
import { KeptRate } from './kept-rate.ts';
import { type MinuteTotal, MinuteTotals } from './minute-totals.ts';
import { Ring } from './ring.ts';
import { clipReport, isStranger, matchesFilter } from './rules.ts';

/** Something was refused. */
export interface DeviceDenied {
  readonly kind: 'denied';
  readonly report: DenialReport;
}

export interface DenialsOptions {
  readonly clock: Clock;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  /** Told of each denial at once; must be cheap, and must not throw. */
  readonly announce?: (event: DeviceDenied) => void;
  readonly settings: {
    /** Denials kept in memory for operators. */
    readonly keptMax: number;
    /** Of those, of peers without a certificate. */
    readonly strangersKeptMax: number;
    /** Denials a second of one cause and principal that are kept; more are only counted. */
    readonly keptPerSecondMax: number;
    /** Distinct trail entries a minute of certificates; the rest is counted under one a cause. */
    readonly causesPerMinuteMax: number;
    /** The same of peers without a certificate. */
    readonly strangersPerMinuteMax: number;
  };
}

/**
 * What was refused and why: each denial at once and in memory for the operator, counted since the start, and one trail
 * entry a cause, principal and minute, so that whoever is refused a million times does not write a million entries.
 */
export class Denials {
  readonly #options: DenialsOptions;
  readonly #ring: Ring<Denial>;
  /** Apart, so that nobody without a certificate can push what devices were denied out of sight. */
  readonly #strangers: Ring<Denial>;
  readonly #rate: KeptRate;
  readonly #totals: MinuteTotals;
  readonly #counts = new Map<DenialCause, number>(denialCauses.map((cause) => [cause, 0]));
  #seq = 0;

  constructor(options: DenialsOptions) {
    this.#options = options;
    const { settings } = options;
    this.#ring = new Ring(settings.keptMax);
    this.#strangers = new Ring(settings.strangersKeptMax);
    this.#rate = new KeptRate(settings.keptPerSecondMax);
    this.#totals = new MinuteTotals(settings);
  }

  /** Cheap and synchronous; never throws, so that it can stand on the path of a refusal. */
  record(report: DenialReport): void {
    const atMs = this.#options.clock.now();
    const clipped = clipReport(report);
    const seq = ++this.#seq;
    if (this.#rate.keeps(clipped, atMs))
      (isStranger(clipped) ? this.#strangers : this.#ring).add({ ...clipped, seq, atMs });
    this.#counts.set(report.cause, (this.#counts.get(report.cause) ?? 0) + 1);
    this.#totals.add(clipped, atMs);
    this.#options.announce?.({ kind: 'denied', report: clipped });
  }

  /** The newest denials first. */
  list(filter: DenialFilter): readonly Denial[] {
    return mergeNewest(this.#ring.newestFirst(), this.#strangers.newestFirst())
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

/** Two rings as one, the newest first. */
function* mergeNewest(one: Generator<Denial>, other: Generator<Denial>): Generator<Denial> {
  let [a, b] = [one.next(), other.next()];
  while (a.done !== true || b.done !== true) {
    const isFirst = b.done === true || (a.done !== true && a.value.seq > b.value.seq);
    if (isFirst) {
      yield a.value as Denial;
      a = one.next();
    } else {
      yield b.value as Denial;
      b = other.next();
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
