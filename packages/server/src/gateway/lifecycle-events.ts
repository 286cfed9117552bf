import { type Clock, type Random, toHex, utf8 } from '@fleetward/core';
import type { Connection, DisconnectReason } from '@fleetward/mqtt';
import type { PlatformMessage } from '../reserved-topic.ts';
import type { DevicePeer } from './mqtt-gateway.ts';

export interface LifecycleEventsParts {
  readonly clock: Clock;
  readonly random: Random;
  /** Whether anybody is to be told of what is published there now. */
  readonly isAwaited: (topic: string) => boolean;
  readonly publish: (message: PlatformMessage) => void;
}

/** What stays the same from `connected` to `disconnected`. */
export interface Visit {
  readonly sessionIdentifier: string;
  readonly versionNumber: number;
}

/**
 * Says on `$aws/events/presence/…` and `$aws/events/subscriptions/…` who comes, goes and subscribes, as AWS IoT does. Nobody can
 * publish there; who may subscribe and receive is decided by policy. Nothing is told of client ids with `+` or `#`, which no topic has.
 */
export class LifecycleEvents {
  readonly #parts: LifecycleEventsParts;
  /** Filters that came in the packet that is being handled. */
  readonly #gathered = new Map<
    Connection<DevicePeer>,
    { readonly kind: string; readonly topics: string[] }
  >();
  #lastVersion = 0;

  constructor(parts: LifecycleEventsParts) {
    this.#parts = parts;
  }

  /** Answers the session's identifier. */
  connected(connection: Connection<DevicePeer>): string {
    const visit = this.#newVisit();
    const { clientId, peer } = connection;
    peer.visit = visit;
    const who = whoIs(peer);
    this.#tell(`presence/connected/${clientId}`, 'connected', () => ({ clientId, ...who, ...visit }));
    return visit.sessionIdentifier;
  }

  disconnected(connection: Connection<DevicePeer>, disconnectReason: DisconnectReason): void {
    const { clientId, peer } = connection;
    const { visit } = peer;
    if (visit === undefined) return;
    peer.visit = undefined;
    const who = whoIs(peer);
    this.#tell(`presence/disconnected/${clientId}`, 'disconnected', () => ({
      clientId,
      ...who,
      ...visit,
      clientInitiatedDisconnect: disconnectReason === 'CLIENT_INITIATED_DISCONNECT',
      disconnectReason,
    }));
  }

  /** A CONNECT under an admitted certificate was refused. */
  connectFailed(clientId: string, peer: DevicePeer, disconnectReason: DisconnectReason): void {
    const who = whoIs(peer);
    const visit = this.#newVisit();
    this.#tell(`presence/connect_failed/${clientId}`, 'connect_failed', () => ({
      clientId,
      ...who,
      ...visit,
      clientInitiatedDisconnect: false,
      disconnectReason,
    }));
  }

  /** The filters of one packet are told together. */
  subscriptionChanged(
    connection: Connection<DevicePeer>,
    kind: 'subscribed' | 'unsubscribed',
    filter: string,
  ): void {
    const gathered = this.#gathered.get(connection);
    if (gathered?.kind === kind) return void gathered.topics.push(filter);
    this.#flush(connection);
    this.#gathered.set(connection, { kind, topics: [filter] });
    queueMicrotask(() => this.#flush(connection));
  }

  #flush(connection: Connection<DevicePeer>): void {
    const gathered = this.#gathered.get(connection);
    if (gathered === undefined) return;
    this.#gathered.delete(connection);
    const { clientId, peer } = connection;
    const { kind, topics } = gathered;
    const who = whoIs(peer);
    const { visit } = peer;
    this.#tell(`subscriptions/${kind}/${clientId}`, kind, () => ({ clientId, ...who, ...visit, topics }));
  }

  /** Greater than every one before, also those before a restart: with it a reader puts events of a client in order. */
  #newVisit(): Visit {
    this.#lastVersion = Math.max(this.#lastVersion + 1, this.#parts.clock.now());
    return { sessionIdentifier: uuid(this.#parts.random.bytes(16)), versionNumber: this.#lastVersion };
  }

  /** `facts` are put together later, and where nobody listens never: they must be those of now. */
  #tell(where: string, eventType: string, facts: () => object): void {
    if (/[+#]/.test(where)) return;
    const topic = `$aws/events/${where}`;
    const timestamp = this.#parts.clock.now();
    // Not in the midst of what the broker is doing just now.
    queueMicrotask(() => {
      if (!this.#parts.isAwaited(topic)) return;
      const payload = utf8(JSON.stringify({ ...facts(), timestamp, eventType }));
      this.#parts.publish({ topic, payload });
    });
  }
}

function whoIs({ admission, principal, remoteAddress }: DevicePeer) {
  return {
    principalIdentifier: admission.certificateId,
    ipAddress: remoteAddress,
    thingName: principal?.thingName, // JSON has it only where there is one
  };
}

/** RFC 9562 §5.4. */
function uuid(bytes: Uint8Array): string {
  const hex = toHex(bytes);
  const variant = '89ab'[(bytes[8]! >> 4) & 3];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
}
