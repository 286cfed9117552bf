/** What an id is to those seen before: `stale` is too far behind the highest to tell new from repeated. */
export type IdVerdict = 'new' | 'late' | 'repeated' | 'stale';

interface Window {
  highest: number;
  /** The id last seen at `id % size`. */
  readonly seen: Float64Array;
}

/**
 * Tells new ids of each origin from repeated ones, as DTLS does (RFC 9147 §4.5.1): a window behind the highest. At most
 * `originsMax` origins are remembered; the one heard from longest ago is forgotten first.
 */
export class RecentIds {
  readonly #size: number;
  readonly #originsMax: number;
  readonly #windows = new Map<string, Window>();

  constructor(options: { readonly windowIds: number; readonly originsMax: number }) {
    this.#size = options.windowIds;
    this.#originsMax = options.originsMax;
  }

  /** Ids count from 1. `late`: new, but a higher one was there before it. */
  see(origin: string, id: number): IdVerdict {
    const window = this.#windowOf(origin);
    if (id <= window.highest - this.#size) return 'stale';
    const at = id % this.#size;
    if (window.seen[at] === id) return 'repeated';
    window.seen[at] = id;
    if (id < window.highest) return 'late';
    window.highest = id;
    return 'new';
  }

  #windowOf(origin: string): Window {
    const known = this.#windows.get(origin);
    this.#windows.delete(origin);
    if (known === undefined && this.#windows.size >= this.#originsMax) this.#forgetOldest();
    const window = known ?? { highest: 0, seen: new Float64Array(this.#size) };
    this.#windows.set(origin, window);
    return window;
  }

  #forgetOldest(): void {
    for (const origin of this.#windows.keys()) {
      this.#windows.delete(origin);
      return;
    }
  }
}
