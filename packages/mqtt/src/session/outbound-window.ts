/**
 * The packet identifiers of messages sent with QoS 1 and not yet acknowledged: at most `receiveMaximum` of them
 * (MQTT5-3.3.4-9). A persistent session will keep the messages beside them.
 */
export class OutboundWindow {
  readonly #receiveMaximum: number;
  readonly #inUse = new Set<number>();
  #last = 0;

  constructor(options: { readonly receiveMaximum: number }) {
    this.#receiveMaximum = Math.min(options.receiveMaximum, 0xffff - 1);
  }

  get isOpen(): boolean {
    return this.#inUse.size < this.#receiveMaximum;
  }

  get size(): number {
    return this.#inUse.size;
  }

  /** A packet identifier not in use (MQTT-2.3.1-2). Ask `isOpen` first. */
  take(): number {
    if (!this.isOpen) throw new RangeError('the window is full');
    do this.#last = this.#last === 0xffff ? 1 : this.#last + 1;
    while (this.#inUse.has(this.#last));
    this.#inUse.add(this.#last);
    return this.#last;
  }

  /** False when nothing was sent with this identifier. */
  release(packetId: number): boolean {
    return this.#inUse.delete(packetId);
  }
}
