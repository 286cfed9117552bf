import type { BrokerLimits } from './limits.ts';
import { RateLimit } from './rate-limit.ts';

/** How long to stop reading, and for which limit. */
export interface Pause {
  readonly ms: number;
  readonly limit: 'messagesPerSecondMax' | 'bytesPerSecondMax';
}

/** How fast one connection may be read: backpressure before drop. */
export class ReadPace {
  readonly #messages: RateLimit;
  readonly #bytes: RateLimit;

  constructor(limits: BrokerLimits, nowMs: number) {
    this.#messages = new RateLimit({ perSecond: limits.messagesPerSecondMax, nowMs });
    this.#bytes = new RateLimit({ perSecond: limits.bytesPerSecondMax, nowMs });
  }

  /** Counts what was read; undefined when reading may go on. */
  spend(messages: number, bytes: number, nowMs: number): Pause | undefined {
    const messagesMs = this.#messages.spend(messages, nowMs);
    const bytesMs = this.#bytes.spend(bytes, nowMs);
    if (messagesMs === 0 && bytesMs === 0) return undefined;
    if (messagesMs >= bytesMs) return { ms: messagesMs, limit: 'messagesPerSecondMax' };
    return { ms: bytesMs, limit: 'bytesPerSecondMax' };
  }
}
