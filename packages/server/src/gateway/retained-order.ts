/** When a topic was last published with RETAIN, and where. */
interface Stamp {
  readonly stampMs: number;
  readonly node: string;
}

/**
 * Which of two retained messages of one topic is the later one, so that all gateways end with the same, whatever order they hear
 * of them in: the higher stamp, then the higher node. Clearing a topic counts as a message. At most `topicsMax` topics are
 * remembered; of those beyond, whatever comes is taken as new.
 */
export class RetainedOrder {
  readonly #topicsMax: number;
  readonly #last = new Map<string, Stamp>();

  constructor(options: { readonly topicsMax: number }) {
    this.#topicsMax = options.topicsMax;
  }

  /** Whether this is the last one now. */
  take(topic: string, stamp: Stamp): boolean {
    const last = this.#last.get(topic);
    if (last !== undefined && !isLater(stamp, last)) return false;
    this.#last.delete(topic);
    this.#last.set(topic, stamp);
    if (this.#last.size > this.#topicsMax) this.#forgetOldest();
    return true;
  }

  #forgetOldest(): void {
    for (const topic of this.#last.keys()) {
      this.#last.delete(topic);
      return;
    }
  }
}

function isLater(a: Stamp, b: Stamp): boolean {
  return a.stampMs === b.stampMs ? a.node > b.node : a.stampMs > b.stampMs;
}
