import type { Clock } from '@fleetward/core';

/** A clock that stands still until the test moves it. Starts on a fixed day, so that dates in tests can be read. */
export class FakeClock implements Clock {
  #now: number;

  constructor(start: number | string = '2026-01-01T00:00:00Z') {
    this.#now = typeof start === 'string' ? Date.parse(start) : start;
  }

  now(): number {
    return this.#now;
  }

  /** Moves by milliseconds; a negative number turns the clock back, as real ones sometimes are. */
  advance(ms: number): void {
    this.#now += ms;
  }

  set(time: number | string): void {
    this.#now = typeof time === 'string' ? Date.parse(time) : time;
  }
}
