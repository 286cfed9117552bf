import type { DenialReport } from './denial.ts';
import { principalOf } from './rules.ts';

const keysMax = 10_000;

/** Bounds how many denials of one cause and principal are kept a second: one flood must not push the others out of sight. */
export class KeptRate {
  readonly #perSecondMax: number;
  readonly #counts = new Map<string, number>();
  #second = 0;

  constructor(perSecondMax: number) {
    this.#perSecondMax = perSecondMax;
  }

  keeps(report: DenialReport, atMs: number): boolean {
    const second = Math.floor(atMs / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#counts.clear();
    }
    const key = `${report.cause} ${principalOf(report)}`;
    const count = (this.#counts.get(key) ?? 0) + 1;
    if (count > this.#perSecondMax) return false;
    if (count > 1 || this.#counts.size < keysMax) this.#counts.set(key, count);
    return true;
  }
}
