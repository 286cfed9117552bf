/** An encoded QoS 1 message that waits for room in the window. `expiresAtMs` 0: never. */
export interface PendingMessage {
  readonly packet: Buffer;
  readonly expiresAtMs: number;
}

/** First in, first out, bounded in messages and bytes; order a topic is kept (MQTT-4.6.0-6). */
export class PendingQueue {
  readonly #messagesMax: number;
  readonly #bytesMax: number;
  #messages: (PendingMessage | undefined)[] = [];
  #head = 0;
  #bytes = 0;

  constructor(options: { readonly messagesMax: number; readonly bytesMax: number }) {
    this.#messagesMax = options.messagesMax;
    this.#bytesMax = options.bytesMax;
  }

  get size(): number {
    return this.#messages.length - this.#head;
  }

  /** False when there is no room. */
  push(message: PendingMessage): boolean {
    if (this.size >= this.#messagesMax || this.#bytes + message.packet.length > this.#bytesMax) return false;
    this.#messages.push(message);
    this.#bytes += message.packet.length;
    return true;
  }

  /** The next one. Ask `size` first. */
  peek(): PendingMessage {
    const message = this.#messages[this.#head];
    if (message === undefined) throw new RangeError('the queue is empty');
    return message;
  }

  /** Takes the next one. Ask `size` first. */
  shift(): PendingMessage {
    const message = this.peek();
    this.#messages[this.#head++] = undefined;
    this.#bytes -= message.packet.length;
    if (this.#head * 2 > this.#messages.length) this.#compact();
    return message;
  }

  #compact(): void {
    this.#messages = this.#messages.slice(this.#head);
    this.#head = 0;
  }
}
