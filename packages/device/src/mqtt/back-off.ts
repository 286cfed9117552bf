import type { Random } from '@fleetward/core';
import { isTakenOver, isUnwanted, type Loss } from './loss.ts';

export interface BackOffLimits {
  /** Longest pause. */
  readonly reconnectMaxMs: number;
  /** A connection that held for so long was a good one: the next pauses are short again. */
  readonly stableMs: number;
  /** Longest pause after another connection took over the client id. */
  readonly takeOverMaxMs: number;
}

const firstMs = 500;
/** Who was told to go does not knock again at once. */
const firstUnwantedMs = 4_000;
const firstTakeOverMs = 60_000;

/**
 * Pauses between two attempts: full jitter, evenly between nothing and a bound that doubles with each failure, so that a fleet does not
 * come back in one wave. The bound is small again only after a connection that held for `stableMs`, not after each that was accepted.
 *
 * Two devices of one identity would take the client id from each other without end: after a take-over the pause is long, never
 * short by chance, and doubles until a connection has held for four times as long.
 */
export class BackOff {
  readonly #random: Random;
  readonly #limits: BackOffLimits;
  #failures = 0;
  #takeOvers = 0;

  constructor(random: Random, limits: BackOffLimits) {
    this.#random = random;
    this.#limits = limits;
  }

  /** After a connection that held for `heldMs`, 0 when there was none. At least 1 ms. */
  pauseMs(loss: Loss, heldMs: number): number {
    if (heldMs >= this.#limits.stableMs) this.#failures = 0;
    if (heldMs >= 4 * this.#takeOverMs()) this.#takeOvers = 0;
    if (isTakenOver(loss)) {
      this.#takeOvers++;
      const boundMs = this.#takeOverMs();
      return Math.ceil(boundMs / 2 + (this.#fraction() * boundMs) / 2);
    }
    const startMs = isUnwanted(loss) ? firstUnwantedMs : firstMs;
    const boundMs = Math.min(this.#limits.reconnectMaxMs, startMs * 2 ** Math.min(this.#failures++, 20));
    return Math.max(1, Math.floor(boundMs * this.#fraction()));
  }

  /** A new identity has no past. */
  reset(): void {
    this.#failures = 0;
    this.#takeOvers = 0;
  }

  #takeOverMs(): number {
    return Math.min(
      this.#limits.takeOverMaxMs,
      firstTakeOverMs * 2 ** Math.min(Math.max(0, this.#takeOvers - 1), 20),
    );
  }

  #fraction(): number {
    return Buffer.from(this.#random.bytes(4)).readUInt32BE() / 2 ** 32;
  }
}
