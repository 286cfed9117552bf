import { type Delivery, DeliveryQueue } from '../session/delivery-queue.ts';
import type { KeptMessage } from '../session/kept-message.ts';
import type { SessionNumber, StoredDelivery } from '../store/message-store.ts';
import type { Journal } from './journal.ts';
import type { BrokerLimits } from './limits.ts';
import type { BrokerMetrics } from './metrics.ts';
import type { QueueLimit, Share, Shares } from './shares.ts';
import type { StoredMessages } from './stored-messages.ts';

export interface OwedHost {
  readonly journal: Journal;
  readonly shares: Shares;
  readonly messages: StoredMessages;
  readonly limits: BrokerLimits;
  readonly metrics: BrokerMetrics;
}

/** A message of a shared subscription whose member is gone before it acknowledged it. */
export type Orphan = Delivery & { readonly shareName: string; readonly message: KeptMessage };

/** What one session is owed; in the journal too when the session outlives its connections. */
export class Owed {
  readonly queue = new DeliveryQueue();
  readonly #session: SessionNumber;
  readonly #share: Share | undefined;
  readonly #host: OwedHost;

  /** No share: the session ends with its connection, so nothing of it is written. */
  constructor(
    session: { readonly number: SessionNumber; readonly share: Share | undefined },
    host: OwedHost,
  ) {
    this.#session = session.number;
    this.#share = session.share;
    this.#host = host;
  }

  get isDurable(): boolean {
    return this.#share !== undefined;
  }

  /** The limit that leaves no room for a message of so many bytes, also after those that have expired made theirs. */
  limitReached(bytes: number, nowMs: number): QueueLimit | undefined {
    if (this.#limitReached(bytes) === undefined) return undefined;
    for (const delivery of this.queue) if (isOverdue(delivery, nowMs)) this.#expire(delivery);
    return this.#limitReached(bytes);
  }

  add(
    message: KeptMessage,
    fields: Pick<Delivery, 'qos' | 'retain' | 'shareName' | 'identifiers'>,
  ): Delivery {
    if (!this.isDurable) return this.queue.push({ ...fields, message, batch: 0 });
    this.#charge(message, 1);
    const { qos, retain, shareName = '', identifiers } = fields;
    this.#host.messages.refer(message);
    const { lastBatch } = this.#host.journal;
    const delivery = this.queue.push({ ...fields, message, batch: lastBatch });
    delivery.batch = this.#host.journal.write({
      kind: 'delivery',
      session: this.#session,
      seq: delivery.seq,
      message: message.number,
      qos,
      retain,
      identifiers,
      shareName,
      isReleased: false,
    });
    return delivery;
  }

  /** PUBREC came. */
  release(delivery: Delivery): void {
    delivery.isReleased = true;
    if (!this.isDurable) return;
    const { seq } = delivery;
    delivery.batch = this.#host.journal.write({ kind: 'delivery-released', session: this.#session, seq });
  }

  finish(delivery: Delivery): void {
    this.queue.finish(delivery);
    if (!this.isDurable) return;
    this.#host.journal.write({ kind: 'delivery-gone', session: this.#session, seq: delivery.seq });
    if (delivery.message !== undefined) this.#letGo(delivery.message);
  }

  /** Whether one more of so many bytes leaves room to spare. */
  hasSpareRoom(bytes: number): boolean {
    const { queuedBytesMax, pendingBytesMax } = this.#host.limits;
    const bytesMax = this.isDurable ? queuedBytesMax : pendingBytesMax;
    return (
      2 * (this.queue.bytes + bytes) <= bytesMax && 2 * this.queue.size < this.#host.limits.queuedMessagesMax
    );
  }

  /** Whether one more of so many bytes ends no session of its owner. */
  isWithinShare(bytes: number): boolean {
    return this.#shareLimit(bytes) === undefined;
  }

  /**
   * The session is over: lets go of all but what another member of a shared subscription may be given, and returns that, owed still. A
   * message with QoS 2 is given only if it was never sent (MQTT5-4.8.2-5).
   */
  bequeath(): readonly Orphan[] {
    if (this.queue.size === 0) return [];
    const orphans = [...this.queue].filter(isOrphan);
    for (const delivery of this.queue) {
      if (orphans.length > 0 && !isOrphan(delivery)) this.finish(delivery);
      else if (orphans.length === 0 && delivery.message !== undefined) this.#letGo(delivery.message);
    }
    return orphans;
  }

  /** What it was left with by the last run, which had let go of the rest. */
  get bequeathed(): readonly Orphan[] {
    return [...this.queue].filter(hasShareName);
  }

  /** It is over, nothing is owed by it, and nothing of it is in the store. */
  close(): void {
    if (this.#share === undefined) return;
    this.#host.journal.write({ kind: 'session-gone', session: this.#session });
    this.#host.shares.settle(this.#share);
  }

  /** False when the message is over, which nobody has begun to send (MQTT5-3.3.2-5). */
  keepsWaiting(delivery: Delivery, nowMs: number): boolean {
    if (!isOverdue(delivery, nowMs)) return true;
    this.#expire(delivery);
    return false;
  }

  /** Takes up a delivery of the last run; that run may have sent any; `inWindow`: it probably did. */
  restore(stored: StoredDelivery, message: KeptMessage, inWindow: boolean): void {
    const { seq, qos, retain, identifiers, isReleased } = stored;
    const shareName = stored.shareName === '' ? undefined : stored.shareName;
    const delivery = this.queue.push({ qos, retain, shareName, identifiers, message, batch: 0 }, seq);
    message.references++;
    this.#charge(message, 1);
    delivery.isReleased = isReleased;
    delivery.isSent = true;
    delivery.isDoubtful = !inWindow && !isReleased;
  }

  #limitReached(bytes: number): QueueLimit | undefined {
    const { queuedMessagesMax, queuedBytesMax } = this.#host.limits;
    if (this.queue.size >= queuedMessagesMax) return 'queuedMessagesMax';
    return this.queue.bytes + bytes > queuedBytesMax ? 'queuedBytesMax' : this.#shareLimit(bytes);
  }

  #shareLimit(bytes: number): QueueLimit | undefined {
    if (this.#share === undefined) return undefined;
    return this.#host.shares.storedLimit(this.#share, { messages: 1, bytes });
  }

  #letGo(message: KeptMessage): void {
    if (!this.isDurable) return;
    this.#charge(message, -1);
    this.#host.messages.letGo(message);
  }

  #charge(message: KeptMessage, count: 1 | -1): void {
    if (this.#share === undefined) return;
    this.#share.storedMessages += count;
    this.#share.storedBytes += count * message.packet.length;
  }

  #expire(delivery: Delivery): void {
    this.#host.metrics.messagesExpired++;
    this.finish(delivery);
  }
}

function hasShareName(delivery: Delivery): delivery is Orphan {
  return delivery.shareName !== undefined && delivery.message !== undefined;
}

function isOrphan(delivery: Delivery): delivery is Orphan {
  return hasShareName(delivery) && (delivery.qos === 1 || !delivery.isSent);
}

function isOverdue({ isSent, isDoubtful, message }: Delivery, nowMs: number): boolean {
  return (!isSent || isDoubtful) && message?.isExpired(nowMs) === true;
}
