/** At most so many bytes a second for all that share the key. */
export interface Cap {
  readonly key: string;
  readonly bytesPerSecond: number;
}

export interface BandwidthParts {
  /** For all downloads together; 0: no cap. */
  readonly totalBytesPerSecond: number;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonicMs: () => number;
  readonly pause: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

interface Meter {
  /** When all that was let through will have had its time. */
  freeAtMs: number;
}

/** Time that was not used is made up for as far back as this: timers are late by some of it. */
const catchUpMs = 50;
/** Shorter waits are left out; they are counted all the same. */
const pauseMsMin = 2;
const metersMax = 10_000;

/**
 * Lets bytes through under caps. It is fair between devices: however many downloads a device has, one piece of it at a time
 * waits for what is shared, in turn with one of every other device. Pieces should be of one size.
 */
export class Bandwidth {
  readonly #parts: BandwidthParts;
  readonly #total: Meter = { freeAtMs: Number.NEGATIVE_INFINITY };
  readonly #meters = new Map<string, Meter>();
  readonly #turns = new Map<string, Promise<void>>();
  /** How often a piece had to wait. */
  waits = 0;

  constructor(parts: BandwidthParts) {
    this.#parts = parts;
  }

  /** Resolves when so many bytes may go; `undefined` when nothing caps them. */
  take(
    bytes: number,
    by: { readonly device: string; readonly caps: readonly Cap[]; readonly signal: AbortSignal },
  ): Promise<void> | undefined {
    const { totalBytesPerSecond } = this.#parts;
    if (by.caps.length === 0 && totalBytesPerSecond === 0) return undefined;
    const turn = this.#takeInTurn(this.#turns.get(by.device), async () => {
      for (const { key, bytesPerSecond } of by.caps)
        await this.#pass(this.#meterOf(key), { bytes, bytesPerSecond, signal: by.signal });
      if (totalBytesPerSecond === 0) return;
      await this.#pass(this.#total, { bytes, bytesPerSecond: totalBytesPerSecond, signal: by.signal });
    });
    this.#turns.set(by.device, turn);
    const forget = () => {
      if (this.#turns.get(by.device) === turn) this.#turns.delete(by.device);
    };
    turn.then(forget, forget);
    return turn;
  }

  async #takeInTurn(before: Promise<void> | undefined, work: () => Promise<void>): Promise<void> {
    await before?.catch(() => undefined); // one that was given up makes room for the next
    await work();
  }

  /** Reserves the next free time of the meter, and waits for it. */
  async #pass(
    meter: Meter,
    piece: { readonly bytes: number; readonly bytesPerSecond: number; readonly signal: AbortSignal },
  ): Promise<void> {
    piece.signal.throwIfAborted();
    const nowMs = this.#parts.monotonicMs();
    const startMs = Math.max(meter.freeAtMs, nowMs - catchUpMs);
    const lengthMs = (piece.bytes / piece.bytesPerSecond) * 1_000;
    meter.freeAtMs = startMs + lengthMs;
    if (startMs - nowMs < pauseMsMin) return;
    this.waits++;
    try {
      await this.#parts.pause(startMs - nowMs, piece.signal);
    } catch (cause) {
      // Given up before its time: whoever asks and goes away, again and again, must not use up what others share.
      meter.freeAtMs -= lengthMs;
      throw cause;
    }
  }

  /** The meters used last are remembered, so that a new connection does not begin a new account. */
  #meterOf(key: string): Meter {
    const meter = this.#meters.get(key) ?? { freeAtMs: Number.NEGATIVE_INFINITY };
    this.#meters.delete(key);
    this.#meters.set(key, meter);
    const [oldest] = this.#meters.keys();
    if (this.#meters.size > metersMax && oldest !== undefined) this.#meters.delete(oldest);
    return meter;
  }
}
