/** A token bucket that holds one second's worth and may go into debt by what was already read. */
export class RateLimit {
  readonly #perSecond: number;
  #tokens: number;
  #atMs: number;

  constructor(options: { readonly perSecond: number; readonly nowMs: number }) {
    this.#perSecond = options.perSecond;
    this.#tokens = options.perSecond;
    this.#atMs = options.nowMs;
  }

  /** Spends, and returns how many milliseconds to wait until the debt is paid: 0 when there is none. */
  spend(amount: number, nowMs: number): number {
    const earned = (Math.max(0, nowMs - this.#atMs) * this.#perSecond) / 1000;
    this.#tokens = Math.min(this.#perSecond, this.#tokens + earned) - amount;
    this.#atMs = nowMs;
    return this.#tokens >= 0 ? 0 : Math.ceil((-this.#tokens * 1000) / this.#perSecond);
  }
}
