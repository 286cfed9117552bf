import type { BrokerConnection } from './connection.ts';
import type { Deliveries } from './deliveries.ts';
import type { Access } from './hooks.ts';
import type { OutgoingMessage } from './message.ts';
import type { Subscription } from './subscriptions.ts';

/** What a client is owed and what it asked for, whether or not it is connected: the subscriber of its subscriptions. */
export class Session<Peer> {
  readonly clientId: string;
  readonly filters = new Map<string, Subscription<Session<Peer>>>();
  /** Undefined while the client is not connected, as is `deliveries`. */
  connection: BrokerConnection<Peer> | undefined;
  deliveries: Deliveries | undefined;
  access: Access;

  constructor({ clientId, access }: { readonly clientId: string; readonly access: Access }) {
    this.clientId = clientId;
    this.access = access;
  }

  attach(connection: BrokerConnection<Peer>, deliveries: Deliveries): void {
    this.connection = connection;
    this.deliveries = deliveries;
  }

  detach(): void {
    this.connection = undefined;
    this.deliveries = undefined;
  }

  /** Whether it keeps up with what it was sent; not while it is away. */
  get hasRoom(): boolean {
    return this.deliveries?.hasRoom === true;
  }

  fault(error: unknown): void {
    this.connection?.fault(error);
  }

  /** Takes one message for the client; false when it is not sent. */
  deliver(message: OutgoingMessage, qos: number, identifiers: readonly number[]): boolean {
    return this.deliveries?.deliver(message, qos, identifiers) === true;
  }
}
