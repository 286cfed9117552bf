import type { Clock } from '@fleetward/core';

/** `isFirst`: at most once a second a key, for whoever records that the limit bit. */
export type BucketOutcome =
  | { readonly kind: 'taken' }
  | { readonly kind: 'refused'; readonly retryAfterSeconds: number; readonly isFirst: boolean };

interface Bucket {
  tokens: number;
  filledAtMs: number;
  refusedAtMs: number;
}

const secondMs = 1_000;

/**
 * A rate by key: `perSecondMax` a second, and as many at once. At most `keysMax` keys are remembered; the one that was used
 * longest ago is forgotten first.
 */
export class TokenBuckets {
  readonly #clock: Clock;
  readonly #perSecondMax: number;
  readonly #keysMax: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: {
    readonly clock: Clock;
    readonly perSecondMax: number;
    readonly keysMax?: number;
  }) {
    this.#clock = options.clock;
    this.#perSecondMax = options.perSecondMax;
    this.#keysMax = options.keysMax ?? 50_000;
  }

  take(key: string): BucketOutcome {
    const nowMs = this.#clock.now();
    const bucket = this.#filled(key, nowMs);
    if (bucket.tokens >= 1) {
      bucket.tokens--;
      return { kind: 'taken' };
    }
    // Also when the clock was set back.
    const isFirst = Math.abs(nowMs - bucket.refusedAtMs) >= secondMs;
    if (isFirst) bucket.refusedAtMs = nowMs;
    const retryAfterSeconds = Math.max(1, Math.ceil((1 - bucket.tokens) / this.#perSecondMax));
    return { kind: 'refused', retryAfterSeconds, isFirst };
  }

  /** Takes more for what turned out to cost more: the key may owe some, and has nothing until that is paid. */
  charge(key: string, tokens: number): void {
    this.#filled(key, this.#clock.now()).tokens -= tokens;
  }

  #filled(key: string, nowMs: number): Bucket {
    const known = this.#buckets.get(key);
    this.#buckets.delete(key);
    if (known === undefined && this.#buckets.size >= this.#keysMax) this.#forgetOldest();
    const bucket = known ?? {
      tokens: this.#perSecondMax,
      filledAtMs: nowMs,
      refusedAtMs: Number.NEGATIVE_INFINITY,
    };
    const gained = (Math.max(0, nowMs - bucket.filledAtMs) / secondMs) * this.#perSecondMax;
    bucket.tokens = Math.min(this.#perSecondMax, bucket.tokens + gained);
    bucket.filledAtMs = nowMs;
    this.#buckets.set(key, bucket);
    return bucket;
  }

  #forgetOldest(): void {
    for (const key of this.#buckets.keys()) {
      this.#buckets.delete(key);
      return;
    }
  }
}
