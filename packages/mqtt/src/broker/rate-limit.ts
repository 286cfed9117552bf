interface RateLimitOptions {
  readonly perSecond: number;
  readonly nowMs: number;
  /** What may come at once; default: a second's worth. */
  readonly atOnceMax?: number;
}

/** A token bucket that may go into debt by what was already read. */
export class RateLimit {
  readonly #perSecond: number;
  readonly #atOnceMax: number;
  #tokens: number;
  #atMs: number;

  constructor({ perSecond, nowMs, atOnceMax = perSecond }: RateLimitOptions) {
    this.#perSecond = perSecond;
    this.#atOnceMax = atOnceMax;
    this.#tokens = atOnceMax;
    this.#atMs = nowMs;
  }

  /** Spends, and returns how many milliseconds to wait until the debt is paid: 0 when there is none. */
  spend(amount: number, nowMs: number): number {
    const earned = (Math.max(0, nowMs - this.#atMs) * this.#perSecond) / 1000;
    this.#tokens = Math.min(this.#atOnceMax, this.#tokens + earned) - amount;
    this.#atMs = nowMs;
    return this.#tokens >= 0 ? 0 : Math.ceil((-this.#tokens * 1000) / this.#perSecond);
  }

  /** How many milliseconds it takes to earn so much. */
  msOf(amount: number): number {
    return (amount * 1000) / this.#perSecond;
  }

  /** Whether it is as if nothing had ever been spent. */
  isFull(nowMs: number): boolean {
    this.spend(0, nowMs);
    return this.#tokens === this.#atOnceMax;
  }
}
