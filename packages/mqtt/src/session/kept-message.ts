import { decodeText } from '../codec/wire-reader.ts';
import type { MessageNumber } from '../store/message-store.ts';

const SLAB_BYTES = 64 * 1024;

/** A message that waits for its receivers: held once, deliveries refer to it. */
export class KeptMessage {
  /** A whole MQTT 5 PUBLISH with QoS 0. */
  readonly packet: Buffer;
  /** Unix milliseconds; 0: never. */
  readonly expiresAtMs: number;
  /** Its number in the store; 0 as long as no session that outlives its connection is owed it. */
  number: MessageNumber = 0;
  /** Deliveries of such sessions. */
  references = 0;
  #topic: string | undefined;

  constructor(packet: Buffer, expiresAtMs: number) {
    this.packet = packet;
    this.expiresAtMs = expiresAtMs;
  }

  get topic(): string {
    this.#topic ??= topicOf(this.packet);
    return this.#topic;
  }

  isExpired(nowMs: number): boolean {
    return this.expiresAtMs !== 0 && this.expiresAtMs <= nowMs;
  }
}

function topicOf(packet: Buffer): string {
  const start = bodyStart(packet) + 2;
  return decodeText(packet, start, start + packet.readUInt16BE(start - 2));
}

/** Where the body of a whole packet begins. */
export function bodyStart(packet: Buffer): number {
  let at = 1;
  while (packet[at]! >= 0x80) at++;
  return at + 1;
}

/** Room for bytes that stay: in the pool that Node shares, a small message would hold on to short-lived neighbours. */
export class KeptBytes {
  #slab = Buffer.alloc(0);
  #used = 0;

  copy(bytes: Buffer): Buffer {
    const { length } = bytes;
    if (length > SLAB_BYTES / 8) return Buffer.from(bytes);
    if (this.#used + length > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#used = 0;
    }
    const copy = this.#slab.subarray(this.#used, this.#used + length);
    copy.set(bytes);
    this.#used += length;
    return copy;
  }
}
