import type { ThingName, Transaction } from '@fleetward/core';
import type { DisconnectReason } from '@fleetward/mqtt';

/** One connection of a thing, as the platform saw it; only the client id is what the device says. */
export interface Visit {
  readonly clientId: string;
  /** That of the lifecycle events. */
  readonly sessionIdentifier: string;
  /** Nothing where it is no IP address. */
  readonly remoteAddress?: string;
  /** `TLSv1.2`, `TLSv1.3` or `none`, and OpenSSL's name of the cipher. */
  readonly tlsVersion: string;
  readonly cipher: string;
}

/** How a connection ended. */
export interface VisitEnd {
  readonly reason: DisconnectReason;
  readonly atMs: number;
}

/** What is known of a thing's connections. */
export interface PresenceState {
  readonly isConnected: boolean;
  /** When it came or went. */
  readonly atMs: number;
  /** Its newest connection, also when that has ended. */
  readonly visit?: Visit | undefined;
  /** The last end of a connection, also when it has another one. */
  readonly lastEnd?: VisitEnd | undefined;
  /** It connects too often, until then. */
  readonly flappingUntilMs?: number | undefined;
}

export interface KeptPresence extends PresenceState {
  readonly thingName: ThingName;
}

export interface PresenceStore {
  /** Of at most 1,000 things. */
  find(names: readonly ThingName[], tx?: Transaction): Promise<readonly KeptPresence[]>;
  /** Replaces what is kept of each. */
  save(tx: Transaction, kept: readonly KeptPresence[]): Promise<void>;
  /** Things with a name greater than `after`, by name. */
  page(range: { readonly after?: ThingName; readonly limit: number }): Promise<readonly KeptPresence[]>;
  forget(tx: Transaction, name: ThingName): Promise<void>;
}
