import type { Clock, ThingName } from '@fleetward/core';

/** Whether a thing has a live connection, and since when it has, or has none. */
export interface PresenceState {
  readonly isConnected: boolean;
  readonly atMs: number;
}

export interface PresenceOptions {
  readonly clock: Clock;
  /** Told of each thing that came or went. */
  readonly changed: (name: ThingName, state: PresenceState) => void;
}

/** Which things have live connections. In memory: after a start every device has to come back. */
export class Presence {
  readonly #options: PresenceOptions;
  /** The thing that each live connection speaks for, if it does for one. */
  readonly #thingOf = new Map<object, ThingName>();
  readonly #connections = new Map<ThingName, number>();

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /** The connection speaks for this thing from now on; for none also when it has ended. */
  speaksFor(connection: object, name: ThingName | undefined): void {
    const before = this.#thingOf.get(connection);
    if (before === name) return;
    if (name === undefined) this.#thingOf.delete(connection);
    else this.#thingOf.set(connection, name);
    // First the one that comes: a thing whose device changes its connection is never away.
    if (name !== undefined) this.#add(name, 1);
    if (before !== undefined) this.#add(before, -1);
  }

  #add(name: ThingName, change: 1 | -1): void {
    const before = this.#connections.get(name) ?? 0;
    const after = before + change;
    if (after === 0) this.#connections.delete(name);
    else this.#connections.set(name, after);
    if (before > 0 && after > 0) return;
    this.#options.changed(name, { isConnected: after > 0, atMs: this.#options.clock.now() });
  }
}
