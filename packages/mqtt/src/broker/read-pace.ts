import type { BrokerLimits } from './limits.ts';
import type { OwnerPace } from './owner-pace.ts';
import { RateLimit } from './rate-limit.ts';

/** How long to stop reading, and for which limit. */
export interface Pause {
  readonly ms: number;
  readonly limit:
    | 'messagesPerSecondMax'
    | 'bytesPerSecondMax'
    | 'deliveriesPerSecondMax'
    | 'ratesPerOwnerMax';
}

/** Of an even share of its owner's rates, what a connection may take ahead: the pauses are looked after no more often than that. */
const AHEAD_MS = 250;

/** How fast one connection may be read, and what it publishes be handed out: backpressure before drop. */
export class ReadPace {
  readonly #limits: BrokerLimits;
  readonly #messages: RateLimit;
  readonly #bytes: RateLimit;
  /** Made with the first message that goes to somebody: most connections listen or tell one. */
  #deliveries: RateLimit | undefined;
  #delivered = 0;
  #ownerPace: OwnerPace | undefined;
  /** Milliseconds of an even share; made when its owner is above its rates for the first time. */
  #share: RateLimit | undefined;

  constructor(limits: BrokerLimits, nowMs: number) {
    this.#limits = limits;
    this.#messages = new RateLimit({ perSecond: limits.messagesPerSecondMax, nowMs });
    this.#bytes = new RateLimit({ perSecond: limits.bytesPerSecondMax, nowMs });
  }

  /** From here on it shares its owner's rates with all other connections of that owner. */
  join(ownerPace: OwnerPace): void {
    this.#ownerPace = ownerPace;
  }

  /** Of what is being read; spent with it. */
  delivered(count: number): void {
    this.#delivered += count;
  }

  /** Counts what was read; undefined when reading may go on. */
  spend(messages: number, bytes: number, nowMs: number): Pause | undefined {
    const deliveries = this.#delivered;
    this.#delivered = 0;
    const messagesMs = this.#messages.spend(messages, nowMs);
    const bytesMs = this.#bytes.spend(bytes, nowMs);
    const deliveriesMs = deliveries === 0 ? 0 : this.#spendDeliveries(deliveries, nowMs);
    const shareMs = this.#ownerPace?.spend(messages, bytes, deliveries, nowMs) ?? 0;
    const sharedMs = shareMs === 0 ? 0 : this.#spendShare(shareMs, nowMs);
    const ms = Math.max(messagesMs, bytesMs, deliveriesMs, sharedMs);
    if (ms === 0) return undefined;
    if (ms === messagesMs) return { ms, limit: 'messagesPerSecondMax' };
    if (ms === bytesMs) return { ms, limit: 'bytesPerSecondMax' };
    return { ms, limit: ms === deliveriesMs ? 'deliveriesPerSecondMax' : 'ratesPerOwnerMax' };
  }

  #spendDeliveries(count: number, nowMs: number): number {
    this.#deliveries ??= new RateLimit({ perSecond: this.#limits.deliveriesPerSecondMax, nowMs });
    return this.#deliveries.spend(count, nowMs);
  }

  #spendShare(shareMs: number, nowMs: number): number {
    this.#share ??= new RateLimit({ perSecond: 1_000, atOnceMax: AHEAD_MS, nowMs });
    return this.#share.spend(shareMs, nowMs);
  }
}
