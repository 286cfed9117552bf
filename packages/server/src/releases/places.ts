/** A download under way, as far as who makes room for whom goes. */
export interface Place {
  readonly device: string;
  readonly beganAtMs: number;
  bytes: number;
  /** How long its reader was waited for, the wait under way not counted. */
  readerMs: number;
  /** Since when its reader is waited for. */
  waitingSinceMs: number | undefined;
  /** Ends its connection. */
  readonly cut: (cause: Error) => void;
}

export interface PlacesOptions {
  readonly downloadsMax: number;
  /** Of one device. */
  readonly deviceDownloadsMax: number;
  /** What every download is left at least, before it makes room. */
  readonly yieldsAfterMs: number;
  readonly monotonicMs: () => number;
}

/**
 * Who may download at once. No device has more than its share, and when all places are taken the download that is read slowest makes room for
 * the next: whoever opens downloads and does not read them keeps nobody out, and one that was cut goes on where it stopped.
 */
export class Places {
  readonly #options: PlacesOptions;
  readonly #taken = new Set<Place>();

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#taken.size;
  }

  /** Which setting is in the way of one more. */
  obstacle(device: string): 'deviceDownloadsMax' | 'downloadsMax' | undefined {
    const own = [...this.#taken].filter((place) => place.device === device);
    if (own.length >= this.#options.deviceDownloadsMax) return 'deviceDownloadsMax';
    return this.#isFull() && this.#slowest() === undefined ? 'downloadsMax' : undefined;
  }

  /** Makes room if there is none; answers whether it had to. */
  take(device: string, cut: Place['cut']): { readonly place: Place; readonly isMadeRoom: boolean } {
    const slowest = this.#isFull() ? this.#slowest() : undefined;
    if (slowest !== undefined) {
      this.leave(slowest);
      slowest.cut(new Error('a download that is read slowly made room for another'));
    }
    const beganAtMs = this.#options.monotonicMs();
    const place = { device, beganAtMs, bytes: 0, readerMs: 0, waitingSinceMs: undefined, cut };
    this.#taken.add(place);
    return { place, isMadeRoom: slowest !== undefined };
  }

  leave(place: Place): void {
    this.#taken.delete(place);
  }

  #isFull(): boolean {
    return this.#taken.size >= this.#options.downloadsMax;
  }

  #slowest(): Place | undefined {
    const nowMs = this.#options.monotonicMs();
    let slowest: Place | undefined;
    for (const place of this.#taken) {
      if (nowMs - place.beganAtMs < this.#options.yieldsAfterMs) continue;
      if (slowest === undefined || readerSpeed(place, nowMs) < readerSpeed(slowest, nowMs)) slowest = place;
    }
    return slowest;
  }
}

/** Bytes for each millisecond that the reader was waited for: our disk and caps make no reader slow. */
function readerSpeed({ bytes, readerMs, waitingSinceMs }: Place, nowMs: number): number {
  const waitedMs = readerMs + (waitingSinceMs === undefined ? 0 : nowMs - waitingSinceMs);
  return waitedMs === 0 ? Number.POSITIVE_INFINITY : bytes / waitedMs;
}
