import type { Will } from '../codec/connect.ts';
import type { SessionNumber, StoredSession } from '../store/message-store.ts';
import type { BrokerConnection } from './connection.ts';
import type { Deliveries } from './deliveries.ts';
import type { Access, HeldSession } from './hooks.ts';
import type { OutgoingMessage } from './message.ts';
import { type Orphan, Owed } from './owed.ts';
import type { Alarm, SessionHost } from './sessions.ts';
import type { Subscription } from './subscriptions.ts';
import type { WheelEntry } from './timer-wheel.ts';

/** A will on its way: `connection` is the one that left it, unknown after a restart. */
export interface LeftWill<Peer> {
  readonly will: Will;
  readonly connection: BrokerConnection<Peer> | undefined;
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

/** What a client is owed and what it asked for, whether or not it is connected: the subscriber of its subscriptions. */
export class Session<Peer> implements WheelEntry, Alarm, HeldSession {
  readonly clientId: string;
  readonly owner: string;
  readonly number: SessionNumber;
  readonly filters = new Map<string, Subscription<Session<Peer>>>();
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
  will: LeftWill<Peer> | undefined;
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
  }

  get isDurable(): boolean {
    return this.number !== 0;
  }

  get isConnected(): boolean {
    return this.connection !== undefined;
  }

  get owed(): Owed {
    this.#owed ??= new Owed(this.number, this.#host);
    return this.#owed;
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

  /** Whether PUBLISH with this packet identifier came before and PUBREL did not (MQTT-4.3.3-2). */
  hasReceived(packetId: number): boolean {
    return this.#inbound?.has(packetId) === true;
  }

  received(packetId: number): void {
    if (this.isEnded) return; // the message itself may have ended it: nothing is written of what is gone
    this.#inbound ??= new Set();
    this.#inbound.add(packetId);
    if (this.isDurable) this.#host.journal.write({ kind: 'inbound', session: this.number, packetId });
  }

  /** PUBREL; false when there was nothing to release. */
  released(packetId: number): boolean {
    if (this.#inbound?.delete(packetId) !== true) return false;
    if (this.isDurable) this.#host.journal.write({ kind: 'inbound-gone', session: this.number, packetId });
    return true;
  }

  /** Takes up what the last run left. */
  restoreInbound(packetId: number): void {
    this.#inbound ??= new Set();
    this.#inbound.add(packetId);
  }

  /** Whether it takes one more message of so many bytes without being cut or ended for it. */
  canTake(bytes: number): boolean {
    return (this.isDurable || this.hasRoom) && !this.isEnded && this.owed.hasSpareRoom(bytes);
  }

  /** What others may be given when it ends. */
  orphans(): readonly Orphan[] {
    return this.#owed === undefined ? [] : [...this.#owed.orphans()];
  }

  /** Lets go of all it holds; nothing is delivered to it any more. */
  drop(): void {
    this.isEnded = true;
    this.#owed?.drop();
    this.#owed = undefined;
    this.#inbound = undefined;
    this.detach();
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
    if (!this.owed.hasRoom(kept.packet.length, nowMs)) {
      this.#host.overflowed(this);
      return false;
    }
    const { retain, shareName } = message;
    const delivery = this.owed.add(kept, { qos, retain, shareName, identifiers });
    this.#deliveries?.sendFresh(delivery, message);
    return true;
  }
}
