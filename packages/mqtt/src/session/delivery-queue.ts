import type { KeptMessage } from './kept-message.ts';

/** One message owed to one client with QoS 1 or 2, until the client has it for good. */
export interface Delivery {
  readonly seq: number;
  readonly qos: 1 | 2;
  readonly retain: boolean;
  /** The shared subscription by which the session gets it, for the policy. */
  readonly shareName: string | undefined;
  readonly identifiers: readonly number[];
  /** Undefined once nobody will have to send it again. */
  message: KeptMessage | undefined;
  /** What it takes of the queue's bytes. */
  bytes: number;
  /** The batch of the journal that holds its last change. */
  batch: number;
  /** It may have been sent before, on this connection or an earlier one: again only with DUP (MQTT-3.3.1-1). */
  isSent: boolean;
  /** Of an earlier run, and so far behind that it was hardly sent: unlike others that may have been, it still expires. */
  isDoubtful: boolean;
  /** Its PUBLISH takes room in the window of this connection. */
  isInFlight: boolean;
  /** QoS 2: PUBREC was received, only PUBREL is sent from here on (MQTT-4.3.3-1). */
  isReleased: boolean;
}

/** Packet identifiers are 1 to 65,535; two deliveries further apart than this could share one. */
const SPAN_MAX = 0xffff - 1;

/** The packet identifier of a delivery: it follows from `seq` alone, so it is the same after a crash (MQTT-4.4.0-1). */
export function packetIdOf(seq: number): number {
  return ((seq - 1) % 0xffff) + 1;
}

/** What one session is owed, in order (MQTT-4.6.0-6). What is finished out of order leaves a hole until all before it is. */
export class DeliveryQueue {
  #entries: (Delivery | undefined)[] = [];
  #head = 0;
  #firstSeq = 1;
  #size = 0;
  #bytes = 0;

  /** Those that are not finished. */
  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The oldest that is not finished; above `lastSeq` when there is none. */
  get firstSeq(): number {
    return this.#firstSeq;
  }

  get lastSeq(): number {
    return this.#firstSeq + this.#entries.length - this.#head - 1;
  }

  /** Appends it under the next number, or further on for one that was stored with a higher one. */
  push(
    fields: Pick<Delivery, 'qos' | 'retain' | 'shareName' | 'identifiers' | 'message' | 'batch'>,
    seq?: number,
  ): Delivery {
    if (this.#size === 0 && seq !== undefined) this.#firstSeq = seq;
    while (seq !== undefined && this.lastSeq < seq - 1) this.#entries.push(undefined);
    const { qos, retain, shareName, identifiers, message, batch } = fields;
    const delivery: Delivery = {
      seq: this.lastSeq + 1,
      qos,
      retain,
      shareName,
      identifiers,
      message,
      bytes: message?.packet.length ?? 0,
      batch,
      isSent: false,
      isDoubtful: false,
      isInFlight: false,
      isReleased: false,
    };
    this.#entries.push(delivery);
    this.#size++;
    this.#bytes += delivery.bytes;
    return delivery;
  }

  /** Undefined: finished, or never there. */
  at(seq: number): Delivery | undefined {
    return seq < this.#firstSeq ? undefined : this.#entries[this.#head + seq - this.#firstSeq];
  }

  /** The delivery that has this packet identifier now, if there is one. */
  withPacketId(packetId: number): Delivery | undefined {
    return this.at(this.#firstSeq + ((packetId - packetIdOf(this.#firstSeq) + 0xffff) % 0xffff));
  }

  /** Its packet identifier is its own: no unfinished delivery before it could have the same one. */
  isInSpan(seq: number): boolean {
    return seq - this.#firstSeq < SPAN_MAX;
  }

  /** Lets go of the message of one that need not be sent again, and of its bytes. */
  forgetMessage(delivery: Delivery): void {
    delivery.message = undefined;
    this.#bytes -= delivery.bytes;
    delivery.bytes = 0;
  }

  finish(delivery: Delivery): void {
    const index = this.#head + delivery.seq - this.#firstSeq;
    if (this.#entries[index] !== delivery) return;
    this.#entries[index] = undefined;
    this.#size--;
    this.#bytes -= delivery.bytes;
    while (this.#head < this.#entries.length && this.#entries[this.#head] === undefined) {
      this.#head++;
      this.#firstSeq++;
    }
    if (this.#head * 2 > this.#entries.length) this.#compact();
  }

  *[Symbol.iterator](): IterableIterator<Delivery> {
    for (let seq = this.#firstSeq; seq <= this.lastSeq; seq++) {
      const delivery = this.at(seq);
      if (delivery !== undefined) yield delivery;
    }
  }

  #compact(): void {
    this.#entries = this.#entries.slice(this.#head);
    this.#head = 0;
  }
}
