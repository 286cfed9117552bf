import type { Random } from '@fleetward/core';
import type { BusMessage, GatewayBus, SessionLeases } from '../../src/gateway/bus.ts';

interface Delivery {
  readonly to: (message: BusMessage) => void;
  readonly message: BusMessage;
}

/** A whole number below `bound`. */
export function below(random: Random, bound: number): number {
  return Buffer.from(random.bytes(4)).readUInt32BE() % bound;
}

/** Holds every message until the test lets it through: late, up to three times and in any order, or in `inOrder`. */
export class FaultyBus implements GatewayBus {
  readonly #listeners = new Set<(message: BusMessage) => void>();
  #held: Delivery[] = [];

  publish(message: BusMessage): void {
    for (const to of this.#listeners) this.#held.push({ to, message });
  }

  subscribe(listener: (message: BusMessage) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Delivers one of those held, any one; now and then it stays to be delivered again. */
  deliverAny(random: Random): void {
    const index = below(random, Math.max(1, this.#held.length));
    const delivery = this.#held[index];
    if (delivery === undefined) return;
    if (below(random, 3) > 0) this.#held.splice(index, 1);
    delivery.to(delivery.message);
  }

  drain(random: Random): void {
    while (this.#held.length > 0) this.deliverAny(random);
  }

  /** Delivers the held ones that match, once each, in the order in which they were sent. */
  inOrder(matches: (message: BusMessage) => boolean = () => true): void {
    const chosen = this.#held.filter(({ message }) => matches(message));
    this.#held = this.#held.filter(({ message }) => !matches(message));
    for (const { to, message } of chosen) to(message);
  }
}

/** One counter for all client ids, as a sequence of a database would be; answers come late and in any order. */
export class SlowLeases implements SessionLeases {
  lastEpoch = 0;
  isDown = false;
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  async claim(): Promise<number> {
    if (this.isDown) throw new Error('the leases cannot be reached');
    this.lastEpoch++;
    const epoch = this.lastEpoch;
    for (let turns = below(this.#random, 20); turns > 0; turns--)
      await new Promise((resolve) => setImmediate(resolve));
    return epoch;
  }
}
