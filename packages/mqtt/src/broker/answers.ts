import { PACKET } from '../codec/packet-type.ts';
import { isFailure } from '../reason-codes.ts';
import type { Journal, Waiter } from './journal.ts';

/** An acknowledgement of a few bytes, or a whole packet, for when its batch is durable. */
interface Answer {
  readonly batch: number;
  readonly first: number;
  readonly packetId: number;
  readonly reasonCode: number;
  readonly packet: Buffer | undefined;
}

/** Shared by all of which no answer waits. */
const NONE: Answer[] = [];

/** Puts an answer on its way. */
export interface AnswerSink {
  sendAcknowledgement(first: number, packetId: number, reasonCode: number): void;
  sendPacket(packet: Buffer): void;
  /** None waits any more. */
  answered(): void;
}

/**
 * The answers of one connection, in the order of what they answer (MQTT-4.6.0-2, -3, -4): one that must wait for the disk
 * holds up those behind it.
 */
export class Answers implements Waiter {
  readonly #sink: AnswerSink;
  readonly #journal: Journal;
  #waiting: Answer[] = NONE;
  /** The batch that must be durable before what is being handled is answered; 0: none. */
  batch = 0;
  /** Messages with QoS 1 and 2 of the client that are not acknowledged yet. */
  unacknowledged = 0;
  waitsFor = 0;

  constructor(sink: AnswerSink, journal: Journal) {
    this.#sink = sink;
    this.#journal = journal;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** What is being handled is answered when all that was written for it is durable. */
  mustBeDurableSince(writes: number): void {
    this.batch = this.#journal.writes === writes ? 0 : this.#journal.lastBatch;
  }

  /** Positional, as it runs for every message with QoS 1 and 2. */
  acknowledge(first: number, packetId: number, reasonCode: number): void {
    const { batch } = this;
    if (this.#waiting.length === 0 && this.#journal.isDurable(batch))
      this.#sendAcknowledgement(first, packetId, reasonCode);
    else this.#add({ batch, first, packetId, reasonCode, packet: undefined });
  }

  packet(packet: Buffer, packetId: number): void {
    const { batch } = this;
    if (this.#waiting.length === 0 && this.#journal.isDurable(batch)) this.#sink.sendPacket(packet);
    else this.#add({ batch, first: 0, packetId, reasonCode: 0, packet });
  }

  /** Whether a packet of the client with this identifier still waits for its answer; PUBREL answers one of ours. */
  isWaiting(packetId: number): boolean {
    for (const answer of this.#waiting)
      if (answer.packetId === packetId && answer.first >> 4 !== PACKET.pubrel) return true;
    return false;
  }

  durable(): void {
    const waiting = this.#waiting;
    let sent = 0;
    while (sent < waiting.length && this.#journal.isDurable(waiting[sent]!.batch))
      this.#send(waiting[sent++]!);
    if (this.#waiting !== waiting) return; // sending one ended the connection
    this.#waiting = waiting.slice(sent);
    const next = this.#waiting[0];
    if (next !== undefined) this.#journal.wait(this, next.batch);
    else this.#sink.answered();
  }

  clear(): void {
    this.#waiting = NONE;
  }

  #add(answer: Answer): void {
    if (this.#waiting === NONE) this.#waiting = [];
    this.#waiting.push(answer);
    if (!this.#journal.isDurable(answer.batch)) this.#journal.wait(this, answer.batch);
  }

  #send({ packet, first, packetId, reasonCode }: Answer): void {
    if (packet === undefined) this.#sendAcknowledgement(first, packetId, reasonCode);
    else this.#sink.sendPacket(packet);
  }

  #sendAcknowledgement(first: number, packetId: number, reasonCode: number): void {
    this.#sink.sendAcknowledgement(first, packetId, reasonCode);
    if (isLast(first, reasonCode) && this.unacknowledged > 0) this.unacknowledged--;
  }
}

/** The last answer to a message of the client, which makes room in its window (MQTT 5 section 4.9). */
function isLast(first: number, reasonCode: number): boolean {
  const type = first >> 4;
  return (
    type === PACKET.puback || type === PACKET.pubcomp || (type === PACKET.pubrec && isFailure(reasonCode))
  );
}
