import { type Clock, type JsonObject, type Random, toHex, utf8 } from '@fleetward/core';
import type { Connection, DisconnectReason } from '@fleetward/mqtt';
import type { PlatformMessage } from '../reserved-topic.ts';
import type { DevicePeer } from './mqtt-gateway.ts';

export interface LifecycleEventsParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly publish: (message: PlatformMessage) => void;
}

/** What stays the same from `connected` to `disconnected`. */
interface Visit {
  readonly sessionIdentifier: string;
  readonly versionNumber: number;
}

/**
 * Says on `$aws/events/presence/…` and `$aws/events/subscriptions/…` who comes, goes and subscribes, as AWS IoT does. Nobody can
 * publish there; who may subscribe and receive is decided by policy. Nothing is told of client ids with `+` or `#`, which no topic has.
 */
export class LifecycleEvents {
  readonly #parts: LifecycleEventsParts;
  readonly #visits = new WeakMap<object, Visit>();
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
    this.#visits.set(connection, visit);
    const { clientId, peer } = connection;
    this.#tell(`presence/connected/${clientId}`, 'connected', { clientId, ...whoIs(peer), ...visit });
    return visit.sessionIdentifier;
  }

  disconnected(connection: Connection<DevicePeer>, disconnectReason: DisconnectReason): void {
    const visit = this.#visits.get(connection);
    if (visit === undefined) return;
    this.#visits.delete(connection);
    const { clientId, peer } = connection;
    this.#tell(`presence/disconnected/${clientId}`, 'disconnected', {
      clientId,
      ...whoIs(peer),
      ...visit,
      clientInitiatedDisconnect: disconnectReason === 'CLIENT_INITIATED_DISCONNECT',
      disconnectReason,
    });
  }

  /** A CONNECT under an admitted certificate was refused. */
  connectFailed(clientId: string, peer: DevicePeer, disconnectReason: DisconnectReason): void {
    this.#tell(`presence/connect_failed/${clientId}`, 'connect_failed', {
      clientId,
      ...whoIs(peer),
      ...this.#newVisit(),
      clientInitiatedDisconnect: false,
      disconnectReason,
    });
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
    this.#tell(`subscriptions/${kind}/${clientId}`, kind, {
      clientId,
      ...whoIs(peer),
      ...this.#visits.get(connection),
      topics,
    });
  }

  /** Greater than every one before, also those before a restart: with it a reader puts events of a client in order. */
  #newVisit(): Visit {
    this.#lastVersion = Math.max(this.#lastVersion + 1, this.#parts.clock.now());
    return { sessionIdentifier: uuid(this.#parts.random.bytes(16)), versionNumber: this.#lastVersion };
  }

  #tell(where: string, eventType: string, facts: JsonObject): void {
    if (/[+#]/.test(where)) return;
    const event = { ...facts, timestamp: this.#parts.clock.now(), eventType };
    const message = { topic: `$aws/events/${where}`, payload: utf8(JSON.stringify(event)) };
    // Not in the midst of what the broker is doing just now.
    queueMicrotask(() => this.#parts.publish(message));
  }
}

function whoIs({ admission, principal, remoteAddress }: DevicePeer) {
  return {
    principalIdentifier: admission.certificateId as string,
    ipAddress: remoteAddress,
    ...(principal?.thingName === undefined ? {} : { thingName: principal.thingName as string }),
  };
}

/** RFC 9562 §5.4. */
function uuid(bytes: Uint8Array): string {
  const version = Uint8Array.from(bytes);
  version[6] = (version[6]! & 0x0f) | 0x40;
  version[8] = (version[8]! & 0x3f) | 0x80;
  return toHex(version).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
