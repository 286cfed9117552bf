import type { ThingName } from '@fleetward/core';

export interface FlappingRule {
  /** So many new connections … */
  readonly flappingConnects: number;
  /** … within so long. */
  readonly flappingWindowSeconds: number;
}

/** Which things connect too often. In memory: what it knows of a thing goes with the window. */
export class FlappingWatch {
  readonly #connects: number;
  readonly #windowMs: number;
  /** The last connects of each thing, at most as many as the rule counts; who connected last stands last. */
  readonly #recent = new Map<ThingName, number[]>();
  readonly #until = new Map<ThingName, number>();

  constructor({ flappingConnects, flappingWindowSeconds }: FlappingRule) {
    this.#connects = flappingConnects;
    this.#windowMs = 1_000 * flappingWindowSeconds;
  }

  /** One more connect; the end of the time in which the thing flaps by the rule, if it does now. */
  came(name: ThingName, nowMs: number): number | undefined {
    const recent = this.#recent.get(name) ?? [];
    recent.push(nowMs);
    while (recent.length > this.#connects || recent[0]! <= nowMs - this.#windowMs) recent.shift();
    this.#recent.delete(name);
    this.#recent.set(name, recent);
    if (recent.length < this.#connects) return undefined;
    const untilMs = recent[0]! + this.#windowMs;
    this.#until.set(name, untilMs);
    return untilMs;
  }

  /** Things that flap. */
  count(nowMs: number): number {
    this.forgetOld(nowMs);
    return this.#until.size;
  }

  /** What is older than the window does not count any more. */
  forgetOld(nowMs: number): void {
    for (const [name, recent] of this.#recent) {
      if (recent.at(-1)! > nowMs - this.#windowMs) break;
      this.#recent.delete(name);
    }
    for (const [name, untilMs] of this.#until) if (untilMs <= nowMs) this.#until.delete(name);
  }

  forget(name: ThingName): void {
    this.#recent.delete(name);
    this.#until.delete(name);
  }
}
