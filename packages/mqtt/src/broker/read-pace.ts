import type { BrokerLimits } from './limits.ts';
import { RateLimit } from './rate-limit.ts';

/** How long to stop reading, and for which limit. */
export interface Pause {
  readonly ms: number;
  readonly limit: 'messagesPerSecondMax' | 'bytesPerSecondMax' | 'deliveriesPerSecondMax';
}

/** How fast one connection may be read, and what it publishes be handed out: backpressure before drop. */
export class ReadPace {
  readonly #limits: BrokerLimits;
  readonly #messages: RateLimit;
  readonly #bytes: RateLimit;
  /** Made with the first message that goes to somebody: most connections listen or tell one. */
  #deliveries: RateLimit | undefined;
  #delivered = 0;

  constructor(limits: BrokerLimits, nowMs: number) {
    this.#limits = limits;
    this.#messages = new RateLimit({ perSecond: limits.messagesPerSecondMax, nowMs });
    this.#bytes = new RateLimit({ perSecond: limits.bytesPerSecondMax, nowMs });
  }

  /** Of what is being read; spent with it. */
  delivered(count: number): void {
    this.#delivered += count;
  }

  /** Counts what was read; undefined when reading may go on. */
  spend(messages: number, bytes: number, nowMs: number): Pause | undefined {
    const messagesMs = this.#messages.spend(messages, nowMs);
    const bytesMs = this.#bytes.spend(bytes, nowMs);
    const deliveriesMs = this.#delivered === 0 ? 0 : this.#spendDeliveries(nowMs);
    const ms = Math.max(messagesMs, bytesMs, deliveriesMs);
    if (ms === 0) return undefined;
    if (ms === messagesMs) return { ms, limit: 'messagesPerSecondMax' };
    return { ms, limit: ms === bytesMs ? 'bytesPerSecondMax' : 'deliveriesPerSecondMax' };
  }

  #spendDeliveries(nowMs: number): number {
    this.#deliveries ??= new RateLimit({ perSecond: this.#limits.deliveriesPerSecondMax, nowMs });
    const ms = this.#deliveries.spend(this.#delivered, nowMs);
    this.#delivered = 0;
    return ms;
  }
}
