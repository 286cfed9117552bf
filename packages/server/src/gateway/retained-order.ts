/** When a topic was last published with RETAIN, and where. */
interface Stamp {
  readonly stampMs: number;
  readonly node: string;
}

interface Options {
  readonly topicsMax: number;
  readonly bytesMax: number;
  /** Counts topics forgotten for others. */
  readonly counts: { forgotten: number };
}

const ENTRY_BYTES = 150;

/**
 * Which of two retained messages of one topic is the later one, so that all gateways end with the same, whatever order they hear
 * of them in: the higher stamp, then the higher node. Clearing a topic counts as a message. At most `topicsMax` topics are
 * remembered, and `bytesMax` of them and their entries; of those beyond, whatever comes is taken as new.
 */
export class RetainedOrder {
  readonly #options: Options;
  readonly #last = new Map<string, Stamp>();
  #bytes = 0;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Whether this is the last one now. */
  take(topic: string, stamp: Stamp): boolean {
    const last = this.#last.get(topic);
    if (last !== undefined && !isLater(stamp, last)) return false;
    if (this.#last.delete(topic)) this.#bytes -= bytesOf(topic);
    this.#last.set(topic, stamp);
    this.#bytes += bytesOf(topic);
    for (const oldest of this.#last.keys()) {
      if (this.#last.size <= this.#options.topicsMax && this.#bytes <= this.#options.bytesMax) break;
      this.#forget(oldest);
    }
    return true;
  }

  #forget(topic: string): void {
    this.#last.delete(topic);
    this.#bytes -= bytesOf(topic);
    this.#options.counts.forgotten++;
  }
}

/** As many as it can take in memory: two for each UTF-16 unit. */
function bytesOf(topic: string): number {
  return ENTRY_BYTES + 2 * topic.length;
}

function isLater(a: Stamp, b: Stamp): boolean {
  return a.stampMs === b.stampMs ? a.node > b.node : a.stampMs > b.stampMs;
}
