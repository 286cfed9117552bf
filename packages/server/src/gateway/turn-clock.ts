import type { Clock } from '@fleetward/core';

/**
 * The time at the first look in this turn of the event loop. Deciding on every packet asks for it hundreds of times a turn,
 * and reading the system's clock costs more than the decision.
 */
export class TurnClock implements Clock {
  readonly #clock: Clock;
  readonly #forget = (): void => {
    this.#nowMs = undefined;
  };
  #nowMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    if (this.#nowMs === undefined) {
      this.#nowMs = this.#clock.now();
      setImmediate(this.#forget);
    }
    return this.#nowMs;
  }
}
