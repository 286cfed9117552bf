import type { Clock } from '@fleetward/core';
import type { Config } from '../config.ts';
import { TokenBuckets } from '../token-buckets.ts';

type RateLimit = 'deliveriesPerSecondMax' | 'bytesPerSecondMax';

/** What one certificate may publish over HTTPS is bounded as what one connection may; it cannot pause, so it is refused until it has paid. */
export class PublishRate {
  readonly #buckets: readonly (readonly [RateLimit, TokenBuckets])[];

  constructor({ clock, limits }: { readonly clock: Clock; readonly limits: Config['mqttLimits'] }) {
    const of = (limit: RateLimit) =>
      [limit, new TokenBuckets({ clock, perSecondMax: limits[limit] })] as const;
    this.#buckets = [of('deliveriesPerSecondMax'), of('bytesPerSecondMax')];
  }

  /** The limit that does not let it through now. */
  take(certificateId: string): { readonly limit: RateLimit; readonly isFirst: boolean } | undefined {
    for (const [limit, buckets] of this.#buckets) {
      const outcome = buckets.take(certificateId);
      if (outcome.kind === 'refused') return { limit, isFirst: outcome.isFirst };
    }
    return undefined;
  }

  charge(
    certificateId: string,
    { copies, payloadBytes }: { readonly copies: number; readonly payloadBytes: number },
  ): void {
    // As on a connection.
    const cost = {
      deliveriesPerSecondMax: copies * (1 + (payloadBytes >> 10)),
      bytesPerSecondMax: payloadBytes,
    };
    for (const [limit, buckets] of this.#buckets) buckets.charge(certificateId, cost[limit]);
  }
}
