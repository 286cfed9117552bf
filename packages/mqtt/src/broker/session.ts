import type { Will } from '../codec/connect.ts';
import type { SessionNumber, StoredSession } from '../store/message-store.ts';
import type { BrokerConnection } from './connection.ts';
import type { Deliveries } from './deliveries.ts';
import type { Estate } from './handover.ts';
import type { Access, HeldSession } from './hooks.ts';
import type { OutgoingMessage } from './message.ts';
import { Owed } from './owed.ts';
import type { Alarm, SessionHost } from './sessions.ts';
import { type Holder, largestOf, type QueueLimit, type Share } from './shares.ts';
import type { Subscription } from './subscriptions.ts';
import type { WheelEntry } from './timer-wheel.ts';

/** A will on its way: `connection` is the one that left it, unknown after a restart. */
export interface LeftWill<Peer> {
  readonly will: Will;
  readonly connection: BrokerConnection<Peer> | undefined;
  /** What it takes in the store. */
  readonly bytes: number;
  /** Undefined as long as the client is connected. */
  dueAtMs: number | undefined;
}

export interface SessionFields {
  readonly clientId: string;
  readonly owner: string;
  /** 0: it ends with its connection. */
  readonly session: SessionNumber;
  readonly principal: string;
  readonly epoch: number;
  readonly expirySeconds: number;
  readonly access: Access;
}

/** MQTT 5 section 3.1.2.11.2: the session does not expire. */
export const NEVER_EXPIRES = 0xffff_ffff;

/** What a row of the store takes besides its text, roughly. */
const ROW_BYTES = 32;

/** Of a subscription in the store, roughly. */
export function filterBytes(filter: string): number {
  return ROW_BYTES + Buffer.byteLength(filter);
}

/** What a client is owed and what it asked for, whether or not it is connected: the subscriber of its subscriptions. */
export class Session<Peer> implements WheelEntry, Alarm, HeldSession, Holder {
  readonly clientId: string;
  readonly owner: string;
  readonly number: SessionNumber;
  /** Undefined: it ends with its connection, and nothing of it is stored. */
  readonly share: Share | undefined;
  readonly #filters = new Map<string, Subscription<Session<Peer>>>();
  readonly #host: SessionHost<Peer>;
  #owed: Owed | undefined;
  #inbound: Set<number> | undefined;
  principal: string;
  epoch: number;
  expirySeconds: number;
  /** Of its connection, or of the last one it had. */
  access: Access;
  /** Undefined while the client is not connected, as is `#deliveries`. */
  connection: BrokerConnection<Peer> | undefined;
  #deliveries: Deliveries | undefined;
  disconnectedAtMs: number | undefined;
  #will: LeftWill<Peer> | undefined;
  /** Of its subscriptions, will and inbound identifiers, as far as they are stored. */
  #heldBytes = 0;
  isEnded = false;
  deadlineMs = 0;
  wheelSlot = -1;

  constructor(fields: SessionFields, host: SessionHost<Peer>) {
    this.clientId = fields.clientId;
    this.owner = fields.owner;
    this.number = fields.session;
    this.principal = fields.principal;
    this.epoch = fields.epoch;
    this.expirySeconds = fields.expirySeconds;
    this.access = fields.access;
    this.#host = host;
    this.share = this.number === 0 ? undefined : host.shares.of(this.owner);
  }

  get isDurable(): boolean {
    return this.number !== 0;
  }

  get isConnected(): boolean {
    return this.connection !== undefined;
  }

  get owed(): Owed {
    this.#owed ??= new Owed(this, this.#host);
    return this.#owed;
  }

  get filters(): ReadonlyMap<string, Subscription<Session<Peer>>> {
    return this.#filters;
  }

  get will(): LeftWill<Peer> | undefined {
    return this.#will;
  }

  /** Of all it stores. */
  get storedBytes(): number {
    return this.#heldBytes + (this.#owed?.queue.bytes ?? 0);
  }

  /** Whether it stores that much more without passing what its owner, or all, may. */
  canStore(bytes: number): QueueLimit | 'storedBytesMax' | undefined {
    if (this.share === undefined) return undefined;
    const { shares, metrics, limits } = this.#host;
    if (metrics.storedBytes + bytes > limits.storedBytesMax) return 'storedBytesMax';
    return shares.storedLimit(this.share, { messages: 0, bytes });
  }

  due(nowMs: number): void {
    this.#host.due(this, nowMs);
  }

  replaceAccess(access: Access): void {
    this.access = access;
  }

  attach(connection: BrokerConnection<Peer>, deliveries: Deliveries): void {
    this.connection = connection;
    this.#deliveries = deliveries;
    this.disconnectedAtMs = undefined;
    deliveries.resume(this.owed);
  }

  detach(): void {
    this.connection = undefined;
    this.#deliveries = undefined;
  }

  /** Whether it keeps up with what it was sent; not while it is away. */
  get hasRoom(): boolean {
    return this.#deliveries?.hasRoom === true;
  }

  fault(error: unknown): void {
    this.connection?.fault(error);
  }

  /** Takes one message for the client; false when it is neither sent nor kept. QoS 0 is not kept for who is away. */
  deliver(message: OutgoingMessage, qos: number, identifiers: readonly number[]): boolean {
    if (qos === 0) return this.#deliveries?.sendNow(message, identifiers) === true;
    const kept = qos === 1 ? 1 : 2;
    if (this.isDurable) return this.#keep(message, kept, identifiers);
    return this.#deliveries?.sendOrKeep(message, kept, identifiers) === true;
  }

  /** Adds the subscription or replaces it; false when it was there. */
  setFilter(filter: string, subscription: Subscription<Session<Peer>>): boolean {
    const isNew = !this.#filters.has(filter);
    if (isNew) this.#hold(filterBytes(filter));
    this.#filters.set(filter, subscription);
    return isNew;
  }

  /** False when it was not there. */
  deleteFilter(filter: string): boolean {
    if (!this.#filters.delete(filter)) return false;
    this.#hold(-filterBytes(filter));
    return true;
  }

  /** Undefined: there is none any more. */
  replaceWill(will: LeftWill<Peer> | undefined): void {
    this.#hold((will?.bytes ?? 0) - (this.#will?.bytes ?? 0));
    this.#will = will;
  }

  /** What the limit for one more inbound identifier is, if there is no room for it. */
  get inboundLimit(): QueueLimit | 'storedBytesMax' | undefined {
    return this.canStore(ROW_BYTES);
  }

  /** Whether PUBLISH with this packet identifier came before and PUBREL did not (MQTT-4.3.3-2). */
  hasReceived(packetId: number): boolean {
    return this.#inbound?.has(packetId) === true;
  }

  received(packetId: number): void {
    if (this.isEnded) return; // the message itself may have ended it: nothing is written of what is gone
    this.restoreInbound(packetId);
    if (this.isDurable) this.#host.journal.write({ kind: 'inbound', session: this.number, packetId });
  }

  /** PUBREL; false when there was nothing to release. */
  released(packetId: number): boolean {
    if (this.#inbound?.delete(packetId) !== true) return false;
    this.#hold(-ROW_BYTES);
    if (this.isDurable) this.#host.journal.write({ kind: 'inbound-gone', session: this.number, packetId });
    return true;
  }

  /** Takes up what the last run left. */
  restoreInbound(packetId: number): void {
    this.#inbound ??= new Set();
    this.#inbound.add(packetId);
    this.#hold(ROW_BYTES);
  }

  overflow(limit: QueueLimit): void {
    this.#host.overflowed(this, limit);
  }

  /** Whether it takes one more message of so many bytes without being cut or ended for it. */
  canTake(bytes: number): boolean {
    if (this.isEnded || !(this.isDurable || this.hasRoom)) return false;
    return this.owed.hasSpareRoom(bytes) && this.owed.isWithinShare(bytes);
  }

  /** It is over: lets go of all it holds but what others may be given, which it returns. Nothing is delivered to it any more. */
  drop(): Estate {
    const owed = this.owed;
    const orphans = owed.bequeath();
    this.#owed = undefined;
    this.#inbound = undefined;
    this.#filters.clear();
    this.#hold(-this.#heldBytes);
    this.isEnded = true;
    this.detach();
    return { owed, orphans };
  }

  /** What the last run left of it, in which it was over already. */
  get estate(): Estate {
    return { owed: this.owed, orphans: this.owed.bequeathed };
  }

  /** What it is in the store. */
  stored(): StoredSession {
    const { number: session, clientId, owner, principal, epoch, expirySeconds, disconnectedAtMs } = this;
    return { session, clientId, owner, principal, epoch, expirySeconds, disconnectedAtMs };
  }

  /** The subscriber pays for what it does not fetch, never the publishers: its queue is dropped whole, and the session with it. */
  #keep(message: OutgoingMessage, qos: 1 | 2, identifiers: readonly number[]): boolean {
    if (this.isEnded) return false;
    const { messages } = this.#host;
    const nowMs = this.#host.nowMs();
    const kept = message.keep(messages.bytes, nowMs);
    const { length } = kept.packet;
    if (!this.#makeRoom(length, nowMs)) return false;
    const { retain, shareName } = message;
    const delivery = this.owed.add(kept, { qos, retain, shareName, identifiers });
    this.#deliveries?.sendFresh(delivery, message);
    return true;
  }

  /** Ends the session of its owner that is owed most where they are owed too much together, and itself where that is not enough. */
  #makeRoom(bytes: number, nowMs: number): boolean {
    let reached = this.owed.limitReached(bytes, nowMs);
    if (reached === undefined) return true;
    if (this.share !== undefined && isOfOwner(reached)) {
      largestOf(this.share, reached)?.overflow(reached);
      reached = this.isEnded ? undefined : this.owed.limitReached(bytes, nowMs);
    }
    if (reached !== undefined) this.overflow(reached);
    return !this.isEnded;
  }

  /** Counts so many bytes more, or less, for its owner and for all. Of one that is over nothing is counted. */
  #hold(bytes: number): void {
    if (this.share === undefined || this.isEnded) return;
    this.#heldBytes += bytes;
    this.share.storedBytes += bytes;
    this.#host.metrics.storedBytes += bytes;
  }
}

function isOfOwner(limit: QueueLimit): boolean {
  return limit === 'storedMessagesPerOwnerMax' || limit === 'storedBytesPerOwnerMax';
}
