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

interface VisitParts {
  readonly clientId: string;
  readonly peer: DevicePeer;
  readonly versionNumber: number;
  readonly random: Random;
}

/** One connection, as its events and presence tell of it. */
export class Visit {
  readonly clientId: string;
  readonly remoteAddress: string;
  readonly tlsVersion: string;
  readonly cipher: string;
  readonly versionNumber: number;
  readonly #random: Random;
  #sessionIdentifier: string | undefined;

  constructor({ clientId, peer, versionNumber, random }: VisitParts) {
    this.clientId = clientId;
    this.remoteAddress = peer.remoteAddress;
    this.tlsVersion = peer.tlsVersion;
    this.cipher = peer.cipher;
    this.versionNumber = versionNumber;
    this.#random = random;
  }

  /** Drawn when somebody asks: most connections end before anybody does. */
  get sessionIdentifier(): string {
    this.#sessionIdentifier ??= uuid(this.#random.bytes(16));
    return this.#sessionIdentifier;
  }
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

  connected(connection: Connection<DevicePeer>): Visit {
    const { clientId, peer } = connection;
    const visit = this.#newVisit(clientId, peer);
    peer.visit = visit;
    // Who subscribes in one go with its CONNECT is told of itself.
    queueMicrotask(() =>
      this.#tell(`presence/connected/${clientId}`, 'connected', () => factsOf(visit, peer)),
    );
    return visit;
  }

  disconnected(connection: Connection<DevicePeer>, disconnectReason: DisconnectReason): void {
    const { clientId, peer } = connection;
    const { visit } = peer;
    if (visit === undefined) return;
    // What it subscribed in one go with its end is told first, and of the same visit.
    this.#flush(connection);
    peer.visit = undefined;
    this.#tellLater(`presence/disconnected/${clientId}`, 'disconnected', () => ({
      ...factsOf(visit, peer),
      clientInitiatedDisconnect: disconnectReason === 'CLIENT_INITIATED_DISCONNECT',
      disconnectReason,
    }));
  }

  /** A CONNECT under an admitted certificate was refused. */
  connectFailed(clientId: string, peer: DevicePeer, disconnectReason: DisconnectReason): void {
    const visit = this.#newVisit(clientId, peer);
    this.#tellLater(`presence/connect_failed/${clientId}`, 'connect_failed', () => ({
      ...factsOf(visit, peer),
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
    const { visit } = peer;
    this.#tellLater(`subscriptions/${kind}/${clientId}`, kind, () => ({
      ...factsOf(visit, peer),
      clientId,
      topics,
    }));
  }

  /** Of a version greater than every one before, also those before a restart: with it a reader puts events of a client in order. */
  #newVisit(clientId: string, peer: DevicePeer): Visit {
    const { clock, random } = this.#parts;
    this.#lastVersion = Math.max(this.#lastVersion + 1, clock.now());
    return new Visit({ clientId, peer, versionNumber: this.#lastVersion, random });
  }

  /** Not in the midst of what the broker is doing just now. */
  #tellLater(where: string, eventType: string, facts: () => object): void {
    if (this.#parts.isAwaited(topicOf(where))) queueMicrotask(() => this.#tell(where, eventType, facts));
  }

  /** `facts` are put together only where somebody listens. */
  #tell(where: string, eventType: string, facts: () => object): void {
    const topic = topicOf(where);
    if (!this.#parts.isAwaited(topic) || /[+#]/.test(where)) return;
    const timestamp = this.#parts.clock.now();
    const payload = utf8(JSON.stringify({ ...facts(), timestamp, eventType }));
    this.#parts.publish({ topic, payload });
  }
}

function topicOf(where: string): string {
  return `$aws/events/${where}`;
}

/** Of whom an event tells. */
function factsOf(visit: Visit | undefined, { admission, principal, remoteAddress }: DevicePeer) {
  return {
    clientId: visit?.clientId,
    principalIdentifier: admission.certificateId,
    ipAddress: remoteAddress,
    thingName: principal?.thingName, // JSON has it only where there is one
    sessionIdentifier: visit?.sessionIdentifier,
    versionNumber: visit?.versionNumber,
  };
}

/** RFC 9562 §5.4. */
function uuid(bytes: Uint8Array): string {
  const hex = toHex(bytes);
  const variant = '89ab'[(bytes[8]! >> 4) & 3];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
}
