import type { ThingName } from '@fleetward/core';

/** The action that each thing was given last, so that it hears when that is cancelled; the oldest is forgotten first. */
export class HandedOut {
  readonly #max: number;
  readonly #ids = new Map<ThingName, number>();

  constructor(max: number) {
    this.#max = max;
  }

  of(thingName: ThingName): number | undefined {
    return this.#ids.get(thingName);
  }

  note(thingName: ThingName, id: number): void {
    this.#ids.delete(thingName);
    this.#ids.set(thingName, id);
    if (this.#ids.size <= this.#max) return;
    const [oldest] = this.#ids.keys();
    if (oldest !== undefined) this.#ids.delete(oldest);
  }

  forget(thingName: ThingName): void {
    this.#ids.delete(thingName);
  }
}
